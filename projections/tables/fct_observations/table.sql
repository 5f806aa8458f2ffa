CREATE TABLE IF NOT EXISTS fct_observations
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    paytrace_transaction_id String,
    merchant LowCardinality(String),
    kind LowCardinality(String),
    raw_kind LowCardinality(String),
    status LowCardinality(String),
    raw_status LowCardinality(String),
    raw_amount Nullable(String),
    unreadable Nullable(String),
    raw_response_code LowCardinality(String),
    method LowCardinality(String),
    amount_minor Int64,
    currency LowCardinality(String),
    approval_code String,
    invoice_number String,
    vault_customer_id String,
    description String,
    card_last_four String,
    avs_response LowCardinality(String),
    csc_response LowCardinality(String),
    batch_number Nullable(Int32),
    return_code LowCardinality(String),
    created_at DateTime64(6, 'UTC'),
    created_on Date32,
    settled_at Nullable(DateTime64(6, 'UTC')),
    observed_at DateTime64(6, 'UTC'),
    observed_on Date32,
    observed_by LowCardinality(String),
    raw String CODEC(ZSTD)
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Sightings of PayTrace transactions, our reading beside the words of the source'
