CREATE TABLE IF NOT EXISTS fct_deposit_events
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    bank_line_id String,
    line_ids Array(String),
    deposit_minor Int64,
    fee_minor Int64,
    expected_fee_minor Int64,
    open_minor Int64,
    currency LowCardinality(String),
    schedule_version LowCardinality(String),
    rule LowCardinality(String),
    evidence Array(String),
    suggestion_code String,
    reason LowCardinality(String),
    detail String,
    decided_by String,
    why String,
    book_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, bank_line_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What became of each bank line and of money that no bank line pays out, event by event'
