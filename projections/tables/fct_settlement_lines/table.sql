CREATE TABLE IF NOT EXISTS fct_settlement_lines
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    line_id String,
    kind LowCardinality(String),
    term LowCardinality(String),
    signed_minor Int64,
    currency LowCardinality(String),
    moved_on Date32,
    book_on Date32,
    card_type LowCardinality(String),
    batch_number Nullable(Int32),
    paytrace_transaction_id String,
    text String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, line_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each line between gateway and bank, once, with the day of the bridge on which it counts'
