CREATE TABLE IF NOT EXISTS fct_decisions
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    command_id String,
    outcome LowCardinality(String),
    decision LowCardinality(String),
    abas_customer_id String,
    posting_reference String,
    abas_open_item_ids Array(String),
    decided_by LowCardinality(String),
    authenticated_by LowCardinality(String),
    approved_by LowCardinality(String),
    reason String,
    refused_because String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (command_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What people decided about waiting and matched money, carried out or refused'
