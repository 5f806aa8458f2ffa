CREATE TABLE IF NOT EXISTS fct_entries
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
    direction LowCardinality(String),
    signed_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    invoice_number String,
    abas_open_item_id String,
    refunds_transaction_id String,
    rule LowCardinality(String),
    evidence Array(String),
    reason LowCardinality(String),
    detail String,
    document_kind LowCardinality(String),
    netted_with String,
    moved_to String,
    command_id String,
    abas_document_id String,
    abas_document_number String,
    value_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The life of each receivables entry, event by event'
