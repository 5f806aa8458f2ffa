CREATE TABLE IF NOT EXISTS fct_open_items
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    abas_open_item_id String,
    abas_customer_id String,
    invoice_number String,
    amount_minor Int64,
    open_minor Int64,
    currency LowCardinality(String),
    due_on Nullable(Date32),
    is_open Bool,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (abas_open_item_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Changes of open items as receivables recorded them'
