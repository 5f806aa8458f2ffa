CREATE TABLE IF NOT EXISTS fct_disputes
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    dispute_id String,
    paytrace_transaction_id String,
    stage LowCardinality(String),
    raw_stage String,
    reason_code LowCardinality(String),
    amount_minor Int64,
    previous_minor Int64,
    charged_back_minor Int64,
    currency LowCardinality(String),
    entered_on Date32,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, dispute_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each fact of a dispute, and what it did to its payment: charged_back_minor is what the dispute takes since then'
