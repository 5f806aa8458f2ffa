CREATE TABLE IF NOT EXISTS fct_write_offs
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    posting_reference String,
    paytrace_transaction_id String,
    abas_customer_id String,
    abas_open_item_id String,
    amount_minor Int64,
    currency LowCardinality(String),
    decided_by LowCardinality(String),
    reason String,
    detail String,
    abas_document_number String,
    value_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The life of each write-off, event by event; none of it is money of PayTrace'
