CREATE TABLE IF NOT EXISTS fct_unreadable
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    error_type LowCardinality(String),
    message String,
    value_bytes Int64,
    value_sha256 String,
    given_up_offset Nullable(Int64)
)
ENGINE = ReplacingMergeTree
ORDER BY (source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Records that the projector could not make sense of; the bytes stay in the topic. A row with given_up_offset is a person''s request to give up the record at that offset of its topic and partition'
