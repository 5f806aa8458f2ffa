CREATE TABLE IF NOT EXISTS fct_unrecognized
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    paytrace_transaction_id String,
    merchant LowCardinality(String),
    method LowCardinality(String),
    kind LowCardinality(String),
    reason LowCardinality(String),
    said String,
    raw_kind String,
    raw_status String,
    raw_amount Nullable(String),
    amount_minor Nullable(Int64),
    currency LowCardinality(String),
    invoice_number String,
    vault_customer_id String,
    card_last_four String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Observations that could not be read, and when a later one could; amount_minor is null where the amount could not'
