CREATE TABLE IF NOT EXISTS fct_records
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    upstream_topic LowCardinality(String),
    upstream_partition Int32,
    upstream_offset Int64,
    upstream_index Int32,
    correlation_id String,
    causation_id String,
    record_type LowCardinality(String),
    record_key String,
    paytrace_transaction_id String,
    refund_transaction_id String,
    posting_reference String,
    abas_customer_id String,
    currency LowCardinality(String),
    amount_minor Int64,
    occurred_at DateTime64(6, 'UTC'),
    body String CODEC(ZSTD)
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every accepted record, one row each; repeats of a row are absorbed by its coordinates'
