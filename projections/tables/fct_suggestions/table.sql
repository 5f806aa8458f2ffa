CREATE TABLE IF NOT EXISTS fct_suggestions
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
    amount_minor Int64,
    currency LowCardinality(String),
    suggestion_number Int32,
    suggestion_count Int32,
    abas_open_item_ids Array(String),
    invoice_numbers Array(String),
    part_amounts Array(Int64),
    open_amounts Array(Int64),
    suggestion_code String,
    kind LowCardinality(String),
    rule LowCardinality(String),
    rule_version Int32,
    score_hundredths Int32,
    margin_hundredths Int32,
    agrees Array(String),
    differs Array(String),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each suggestion for a receipt; part_amounts and open_amounts are minor units of currency'
