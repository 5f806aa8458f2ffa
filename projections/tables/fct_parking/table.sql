CREATE TABLE IF NOT EXISTS fct_parking
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    change LowCardinality(String),
    inbox_topic LowCardinality(String),
    inbox_partition Int32,
    inbox_offset Int64,
    record_key String,
    behind Nullable(Int64),
    error_type LowCardinality(String),
    message String,
    stack_digest String,
    requested_by String,
    reason String,
    is_held Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (inbox_topic, inbox_partition, inbox_offset, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What the journals say about parked records: PARKED, RELEASED, DISCARDED'
