CREATE TABLE IF NOT EXISTS fct_movements
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    stage UInt8,
    movement_id String,
    paytrace_transaction_id String,
    movement LowCardinality(String),
    signed_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    method LowCardinality(String),
    invoice_number String,
    vault_customer_id String,
    token String,
    abas_customer_id String,
    reason LowCardinality(String),
    detail String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (movement_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The way of each money movement, from the question whose it is to the entries of a customer'
