CREATE TABLE IF NOT EXISTS fct_matches
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    posting_reference String,
    paytrace_transaction_id String,
    abas_customer_id String,
    abas_open_item_id String,
    invoice_number String,
    amount_minor Int64,
    currency LowCardinality(String),
    rule LowCardinality(String),
    rule_version Int32,
    agrees Array(String),
    differs Array(String),
    score_hundredths Int32,
    runner_up String,
    runner_up_distance_hundredths Int32,
    decided_by LowCardinality(String),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each match of a receipt with an open item, with the evidence and who decided'
