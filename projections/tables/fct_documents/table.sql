CREATE TABLE IF NOT EXISTS fct_documents
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    kind LowCardinality(String),
    posting_reference String,
    paytrace_transaction_id String,
    subject_kind LowCardinality(String),
    subject String,
    abas_customer_id String,
    is_payer_money Bool,
    signed_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    open_item String,
    reverses_reference String,
    document_id String,
    document_number String,
    code LowCardinality(String),
    message String,
    field_name LowCardinality(String),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each document that was asked of the ERP, and what the ERP made of it'
