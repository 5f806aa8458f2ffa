CREATE TABLE IF NOT EXISTS fct_fee_schedules
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    version Int32,
    card_type LowCardinality(String),
    rate_bps Int64,
    per_item_minor Int64,
    currency LowCardinality(String),
    batch_count Int32,
    explained_count Int32,
    worst_difference_minor Int64,
    accepted_by String,
    why String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, version, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Fee schedules that were proposed and accepted, one row for each card type'
