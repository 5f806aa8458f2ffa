CREATE TABLE IF NOT EXISTS fct_settlement_days
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    book_on Date32,
    is_closed Bool,
    currency LowCardinality(String),
    opening_minor Int64,
    closing_minor Int64,
    in_transit_minor Int64,
    unexplained_minor Int64,
    residual_minor Int64,
    open_bank_line_ids Array(String),
    overdue_count Int32,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, book_on, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The bridge of each day as its agent stated it; the newest of a day has its highest source_offset'
