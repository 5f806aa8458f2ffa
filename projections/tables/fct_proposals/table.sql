CREATE TABLE IF NOT EXISTS fct_proposals
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    proposal_id String,
    command_type LowCardinality(String),
    summary String,
    amount_minor Int64,
    currency LowCardinality(String),
    person LowCardinality(String),
    reason String,
    expires_at DateTime64(6, 'UTC'),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (proposal_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Commands that need a second person, and what that person said'
