CREATE TABLE IF NOT EXISTS fct_payment_events
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
    term LowCardinality(String),
    term_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    invoice_number String,
    vault_customer_id String,
    card_last_four String,
    refund_transaction_id String,
    batch_number Nullable(Int32),
    detail String,
    settled_at Nullable(DateTime64(6, 'UTC')),
    value_on Date32,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What happened to each payment; term and term_minor say what it adds to the bridge'
