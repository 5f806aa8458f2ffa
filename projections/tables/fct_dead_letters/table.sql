CREATE TABLE IF NOT EXISTS fct_dead_letters
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    inbox_topic LowCardinality(String),
    inbox_partition Int32,
    inbox_offset Int64,
    task LowCardinality(String),
    record_key String,
    record_type LowCardinality(String),
    record_event_id String,
    paytrace_transaction_id String,
    movement_id String,
    posting_reference String,
    abas_customer_id String,
    signed_minor Int64,
    currency LowCardinality(String),
    occurred_at Nullable(DateTime64(6, 'UTC')),
    behind Nullable(Int64),
    error_type LowCardinality(String),
    message String,
    stack_digest String,
    received_at DateTime64(6, 'UTC'),
    value_bytes Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (inbox_topic, inbox_partition, inbox_offset, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What each dead letter holds, and how much money is in it'
