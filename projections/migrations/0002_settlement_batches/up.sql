CREATE TABLE IF NOT EXISTS fct_settlement_batches
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    batch_id String,
    merchant LowCardinality(String),
    batch_number Int32,
    settled_on Date32,
    settled_at DateTime64(6, 'UTC'),
    net_minor Int64,
    sales_minor Nullable(Int64),
    refund_minor Nullable(Int64),
    currency LowCardinality(String),
    transaction_count Nullable(Int32),
    listed_net_minor Nullable(Int64),
    listed_count Nullable(Int32),
    is_consistent Nullable(Bool),
    mismatch String,
    observed_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (batch_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each change of a settlement batch as PayTrace showed it; the newest of a batch has its highest source_offset'
;
