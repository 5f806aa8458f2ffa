CREATE TABLE IF NOT EXISTS fct_settlement_lines
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    line_id String,
    kind LowCardinality(String),
    term LowCardinality(String),
    signed_minor Int64,
    currency LowCardinality(String),
    moved_on Date32,
    book_on Date32,
    card_type LowCardinality(String),
    batch_number Nullable(Int32),
    paytrace_transaction_id String,
    text String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, line_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each line between gateway and bank, once, with the day of the bridge on which it counts'
;
CREATE TABLE IF NOT EXISTS fct_deposit_events
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    bank_line_id String,
    line_ids Array(String),
    deposit_minor Int64,
    fee_minor Int64,
    expected_fee_minor Int64,
    open_minor Int64,
    currency LowCardinality(String),
    schedule_version LowCardinality(String),
    rule LowCardinality(String),
    evidence Array(String),
    reason LowCardinality(String),
    detail String,
    decided_by String,
    why String,
    book_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, bank_line_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What became of each bank line and of money that no bank line pays out, event by event'
;
CREATE TABLE IF NOT EXISTS fct_settlement_days
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    book_on Date32,
    is_closed Bool,
    currency LowCardinality(String),
    opening_minor Int64,
    closing_minor Int64,
    in_transit_minor Int64,
    unexplained_minor Int64,
    residual_minor Int64,
    open_bank_line_ids Array(String),
    overdue_count Int32,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, book_on, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The bridge of each day as its agent stated it; the newest of a day has its highest source_offset'
;
CREATE TABLE IF NOT EXISTS fct_fee_schedules
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    version Int32,
    card_type LowCardinality(String),
    rate_bps Int64,
    per_item_minor Int64,
    currency LowCardinality(String),
    batch_count Int32,
    explained_count Int32,
    worst_difference_minor Int64,
    accepted_by String,
    why String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, version, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Fee schedules that were proposed and accepted, one row for each card type'
;
CREATE VIEW IF NOT EXISTS rpt_bank_lines_now AS
WITH
latest AS
(
    SELECT *
    FROM fct_deposit_events FINAL
    WHERE bank_line_id != ''
        AND record_type IN ('DepositMatched', 'DepositMatchSuggested', 'DepositBreakFound', 'DepositMatchRejected',
            'DepositUnmatched', 'BankLineDismissed')
    ORDER BY settlement_account, bank_line_id, source_offset DESC, row_index DESC
    LIMIT 1 BY settlement_account, bank_line_id
)
SELECT
    lines.settlement_account AS settlement_account,
    lines.line_id AS bank_line_id,
    multiIf(
        latest.record_type = 'DepositMatched', 'matched',
        latest.record_type = 'DepositMatchSuggested', 'suggested',
        latest.record_type = 'BankLineDismissed', 'dismissed',
        'break'
    ) AS standing,
    lines.signed_minor AS deposit_minor,
    latest.fee_minor AS fee_minor,
    latest.open_minor AS difference_minor,
    lines.currency AS currency,
    latest.reason AS reason,
    latest.detail AS detail,
    latest.evidence AS evidence,
    latest.line_ids AS line_ids,
    latest.rule AS rule,
    latest.decided_by AS decided_by,
    latest.why AS why,
    lines.moved_on AS booked_on,
    lines.book_on AS book_on,
    lines.batch_number AS batch_number,
    lines.text AS text,
    lines.source_topic AS source_topic,
    lines.source_partition AS source_partition,
    lines.source_offset AS source_offset
FROM fct_settlement_lines AS lines FINAL
LEFT JOIN latest ON latest.settlement_account = lines.settlement_account AND latest.bank_line_id = lines.line_id
WHERE lines.term = 'deposited'
COMMENT 'Each bank line by what was last said of it: matched, suggested, dismissed or a break'
;
CREATE VIEW IF NOT EXISTS rpt_deposit_bridge AS
SELECT
    settlement_account,
    toString(currency) AS currency,
    assumeNotNull(book_on) AS day,
    toString(term) AS term,
    -- A deposit takes money off what is open; every other term carries its own sign.
    if(term = 'deposited', -signed_minor, signed_minor) AS minor,
    line_id AS id,
    paytrace_transaction_id,
    text AS detail,
    toString(source_topic) AS source_topic,
    source_partition,
    source_offset
FROM fct_settlement_lines FINAL
UNION ALL
SELECT
    settlement_account,
    toString(currency),
    assumeNotNull(book_on),
    multiIf(record_type = 'BankLineDismissed', 'dismissed', record_type = 'DepositMatched' AND decided_by = 'rule', 'fees', 'adjusted'),
    multiIf(record_type = 'BankLineDismissed', deposit_minor, record_type = 'DepositUnmatched', fee_minor, -fee_minor),
    bank_line_id,
    '',
    if(rule = '', concat(decided_by, ': ', why), concat(rule, ', ', schedule_version)),
    toString(source_topic),
    source_partition,
    source_offset
FROM fct_deposit_events FINAL
WHERE record_type IN ('DepositMatched', 'DepositUnmatched', 'BankLineDismissed')
COMMENT 'Every line of the deposit bridge with the record it comes from: what is open at the end of a day is the sum so far'
;
