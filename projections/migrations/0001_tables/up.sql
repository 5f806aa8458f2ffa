CREATE TABLE IF NOT EXISTS fct_records
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    upstream_topic LowCardinality(String),
    upstream_partition Int32,
    upstream_offset Int64,
    upstream_index Int32,
    correlation_id String,
    causation_id String,
    record_type LowCardinality(String),
    record_key String,
    paytrace_transaction_id String,
    refund_transaction_id String,
    posting_reference String,
    abas_customer_id String,
    currency LowCardinality(String),
    amount_minor Int64,
    occurred_at DateTime64(6, 'UTC'),
    body String CODEC(ZSTD)
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every accepted record, one row each; repeats of a row are absorbed by its coordinates'
;
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
;
CREATE TABLE IF NOT EXISTS fct_payment_events
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    paytrace_transaction_id String,
    merchant LowCardinality(String),
    method LowCardinality(String),
    term LowCardinality(String),
    term_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    invoice_number String,
    vault_customer_id String,
    card_last_four String,
    refund_transaction_id String,
    batch_number Nullable(Int32),
    detail String,
    settled_at Nullable(DateTime64(6, 'UTC')),
    value_on Date32,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What happened to each payment; term and term_minor say what it adds to the bridge'
;
CREATE TABLE IF NOT EXISTS fct_unrecognized
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    paytrace_transaction_id String,
    merchant LowCardinality(String),
    method LowCardinality(String),
    kind LowCardinality(String),
    reason LowCardinality(String),
    said String,
    raw_kind String,
    raw_status String,
    raw_amount Nullable(String),
    amount_minor Nullable(Int64),
    currency LowCardinality(String),
    invoice_number String,
    vault_customer_id String,
    card_last_four String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Observations that could not be read, and when a later one could; amount_minor is null where the amount could not'
;
CREATE TABLE IF NOT EXISTS fct_movements
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    stage UInt8,
    movement_id String,
    paytrace_transaction_id String,
    movement LowCardinality(String),
    signed_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    method LowCardinality(String),
    invoice_number String,
    vault_customer_id String,
    token String,
    abas_customer_id String,
    reason LowCardinality(String),
    detail String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (movement_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The way of each money movement, from the question whose it is to the entries of a customer'
;
CREATE TABLE IF NOT EXISTS fct_open_items
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    abas_open_item_id String,
    abas_customer_id String,
    invoice_number String,
    amount_minor Int64,
    open_minor Int64,
    currency LowCardinality(String),
    due_on Nullable(Date32),
    is_open Bool,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (abas_open_item_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Changes of open items as receivables recorded them'
;
CREATE TABLE IF NOT EXISTS fct_entries
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    posting_reference String,
    paytrace_transaction_id String,
    abas_customer_id String,
    direction LowCardinality(String),
    signed_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    invoice_number String,
    abas_open_item_id String,
    refunds_transaction_id String,
    rule LowCardinality(String),
    evidence Array(String),
    reason LowCardinality(String),
    detail String,
    netted_with String,
    moved_to String,
    command_id String,
    abas_document_id String,
    abas_document_number String,
    value_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The life of each receivables entry, event by event'
;
CREATE TABLE IF NOT EXISTS fct_postings
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    posting_reference String,
    paytrace_transaction_id String,
    abas_customer_id String,
    signed_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    reverses_reference String,
    abas_document_id String,
    abas_document_number String,
    code LowCardinality(String),
    message String,
    field_name LowCardinality(String),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What abas made of each command'
;
CREATE TABLE IF NOT EXISTS fct_settlement_batches
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    batch_id String,
    merchant LowCardinality(String),
    batch_number Int32,
    settled_on Date32,
    settled_at DateTime64(6, 'UTC'),
    net_minor Int64,
    sales_minor Nullable(Int64),
    refund_minor Nullable(Int64),
    currency LowCardinality(String),
    transaction_count Nullable(Int32),
    listed_net_minor Nullable(Int64),
    listed_count Nullable(Int32),
    is_consistent Nullable(Bool),
    mismatch String,
    observed_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (batch_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each change of a settlement batch as PayTrace showed it; the newest of a batch has its highest source_offset'
;
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
    suggestion_code String,
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
;
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
;
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
;
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
    value_sha256 String
)
ENGINE = ReplacingMergeTree
ORDER BY (source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Records that the projector could not make sense of; the bytes stay in the topic'
;
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
;
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
;
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
    reason String,
    refused_because String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (command_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What people decided about waiting and matched money, carried out or refused'
;
CREATE TABLE IF NOT EXISTS fct_write_offs
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    posting_reference String,
    paytrace_transaction_id String,
    abas_customer_id String,
    abas_open_item_id String,
    amount_minor Int64,
    currency LowCardinality(String),
    decided_by LowCardinality(String),
    reason String,
    detail String,
    abas_document_number String,
    value_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The life of each write-off, event by event; none of it is money of PayTrace'
;
CREATE TABLE IF NOT EXISTS saldo_positions
(
    source_topic LowCardinality(String),
    source_partition Int32,
    next_offset Int64,
    high_water Array(String)
)
ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (source_topic, source_partition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Next offset of each partition, and the highest saldo-source accepted from each lane: one row, so both move together'
;
CREATE VIEW IF NOT EXISTS rpt_unrecognized_now AS
WITH latest AS
(
    -- By the time of the observation: one that arrives late must not end or begin the waiting.
    SELECT *
    FROM fct_unrecognized FINAL
    ORDER BY occurred_at DESC, record_type = 'PaymentStatusUnrecognized' DESC, source_offset DESC
    LIMIT 1 BY paytrace_transaction_id
),
begun AS
(
    SELECT
        told.paytrace_transaction_id AS paytrace_transaction_id,
        min(told.occurred_at) AS waiting_since
    FROM fct_unrecognized AS told FINAL
    INNER JOIN latest ON latest.paytrace_transaction_id = told.paytrace_transaction_id
    WHERE told.record_type = 'PaymentStatusUnrecognized'
        AND told.reason = latest.reason AND told.raw_status = latest.raw_status AND told.raw_kind = latest.raw_kind
    GROUP BY told.paytrace_transaction_id
)
SELECT
    latest.paytrace_transaction_id AS paytrace_transaction_id,
    begun.waiting_since AS waiting_since,
    latest.reason AS reason,
    latest.said AS detail,
    latest.kind AS kind,
    latest.method AS method,
    latest.merchant AS merchant,
    latest.raw_kind AS raw_kind,
    latest.raw_status AS raw_status,
    latest.raw_amount AS raw_amount,
    latest.amount_minor AS amount_minor,
    if(latest.kind IN ('REFUND', 'ACH_REFUND'), -1, 1) * ifNull(latest.amount_minor, 0) AS signed_minor,
    isNotNull(latest.amount_minor) AS has_amount,
    latest.currency AS currency,
    latest.invoice_number AS invoice_number,
    latest.vault_customer_id AS vault_customer_id,
    latest.occurred_at AS occurred_at,
    latest.recorded_at AS recorded_at,
    latest.source_topic AS source_topic,
    latest.source_partition AS source_partition,
    latest.source_offset AS source_offset
FROM latest
INNER JOIN begun ON begun.paytrace_transaction_id = latest.paytrace_transaction_id
WHERE latest.record_type = 'PaymentStatusUnrecognized'
COMMENT 'Transactions whose latest observation can not be read: not proved to be money, and not proved to be none'
;
CREATE VIEW IF NOT EXISTS fct_payments AS
WITH
-- Some events carry no amount and no currency (an ACH return that is all that was ever seen); the sighting does.
sightings AS
(
    SELECT
        paytrace_transaction_id,
        argMax(seen.currency, seen.source_offset) AS currency,
        argMax(seen.method, seen.source_offset) AS method,
        argMax(seen.merchant, seen.source_offset) AS merchant,
        argMax(seen.kind, seen.source_offset) AS kind,
        -- A row that cannot be read is dated 1970, and a clock ahead of ours dates it in the future: then it counts on
        -- the day on which it was seen.
        min(if(seen.created_on < toDate32('1990-01-01'), seen.observed_on, least(seen.created_on, seen.observed_on)))
            AS opened_on
    FROM fct_observations AS seen FINAL
    GROUP BY paytrace_transaction_id
),
voided_refunds AS
(
    SELECT paytrace_transaction_id
    FROM fct_payment_events FINAL
    WHERE record_type = 'RefundReversed'
),
events AS
(
    -- A higher rank wins whatever the order of the sightings: a void seen first still outranks the capture seen later.
    SELECT
        *,
        transform(
            record_type,
            ['AchPaymentReturned', 'RefundReversed', 'PaymentVoided', 'PaymentSettled', 'PaymentCaptured', 'RefundIssued',
             'AchPaymentFailed', 'PaymentDeclined', 'AchPaymentInitiated', 'PaymentAuthorized', 'PaymentStatusUnrecognized'],
            [100, 90, 80, 70, 60, 50, 40, 30, 20, 10, 5],
            0
        ) AS rank
    FROM fct_payment_events FINAL
),
folded AS
(
    SELECT
        paytrace_transaction_id,
        if(countIf(record_type IN ('RefundIssued', 'RefundReversed')) > 0, 'REFUND', 'PAYMENT') AS kind,
        multiIf(
            charged_back_minor > 0 AND captured_minor - refunded_minor > charged_back_minor, 'PARTLY_CHARGED_BACK',
            charged_back_minor > 0, 'CHARGED_BACK',
            max(rank) = 100, 'ACH_RETURNED',
            max(rank) = 90, 'REFUND_VOIDED',
            max(rank) = 80, 'VOIDED',
            max(rank) IN (70, 60) AND captured_minor > 0 AND refunded_minor >= captured_minor, 'REFUNDED',
            max(rank) IN (70, 60) AND captured_minor > 0 AND refunded_minor > 0, 'PARTLY_REFUNDED',
            max(rank) = 70, 'SETTLED',
            max(rank) = 60, 'CAPTURED',
            max(rank) = 50, 'REFUND_ISSUED',
            max(rank) = 40, 'ACH_FAILED',
            max(rank) = 30, 'DECLINED',
            max(rank) = 20, 'ACH_PENDING',
            max(rank) = 10, 'AUTHORIZED',
            'UNRECOGNIZED'
        ) AS state,
        argMinIf(method, source_offset, method NOT IN ('', 'UNKNOWN')) AS method,
        argMinIf(merchant, source_offset, merchant != '') AS merchant,
        argMinIf(currency, source_offset, currency != '') AS currency,
        multiIf(
            kind = 'REFUND', sumIf(toInt128(amount_minor), record_type = 'RefundIssued'),
            countIf(record_type = 'PaymentCaptured') > 0, captured_minor,
            argMaxIf(toInt128(amount_minor), source_offset, record_type IN ('PaymentAuthorized', 'AchPaymentInitiated', 'PaymentDeclined', 'PaymentVoided'))
        ) AS amount_minor,
        sumIf(toInt128(term_minor), term = 'captured') AS captured_minor,
        sumIf(toInt128(events.amount_minor), record_type = 'RefundApplied' AND refund_transaction_id NOT IN voided_refunds) AS refunded_minor,
        sumIf(toInt128(term_minor), term = 'charged_back') AS charged_back_minor,
        sumIf(toInt128(term_minor), term = 'captured')
            - sumIf(toInt128(term_minor), term IN ('refunded', 'voided', 'returned', 'charged_back')) AS net_minor,
        argMinIf(invoice_number, source_offset, invoice_number != '') AS invoice_number,
        argMinIf(vault_customer_id, source_offset, vault_customer_id != '') AS vault_customer_id,
        argMinIf(card_last_four, source_offset, card_last_four != '') AS card_last_four,
        countIf(record_type = 'PaymentContradicted') > 0 AS is_contradicted,
        -- A dispute that takes what is not there (refunded, voided, returned, or never captured) is for a person too.
        charged_back_minor > 0 AND net_minor - refunded_minor < 0 AS is_overdrawn,
        min(occurred_at) AS opened_at,
        max(occurred_at) AS changed_at,
        count() AS event_count
    FROM events
    GROUP BY paytrace_transaction_id
    -- An observation that proved nothing is no payment yet.
    HAVING countIf(record_type != 'PaymentStatusRecognized') > 0
)
SELECT
    folded.paytrace_transaction_id AS paytrace_transaction_id,
    if(folded.kind = 'REFUND' OR sightings.kind IN ('REFUND', 'ACH_REFUND'), 'REFUND', 'PAYMENT') AS kind,
    -- Once it could be read and still proved nothing, no money has moved.
    if(folded.state = 'UNRECOGNIZED' AND unread.reason = '', 'NOTHING_MOVED', folded.state) AS state,
    if(folded.method != '', folded.method, sightings.method) AS method,
    if(folded.merchant != '', folded.merchant, sightings.merchant) AS merchant,
    if(folded.currency != '', folded.currency, sightings.currency) AS currency,
    if(folded.state = 'UNRECOGNIZED', ifNull(unread.amount_minor, 0), folded.amount_minor) AS amount_minor,
    folded.captured_minor AS captured_minor,
    folded.refunded_minor AS refunded_minor,
    folded.charged_back_minor AS charged_back_minor,
    folded.net_minor AS net_minor,
    folded.invoice_number AS invoice_number,
    folded.vault_customer_id AS vault_customer_id,
    folded.card_last_four AS card_last_four,
    folded.is_contradicted OR folded.is_overdrawn OR unread.reason != '' AS needs_attention,
    folded.opened_at AS opened_at,
    if(sightings.paytrace_transaction_id = '', toDate32(toTimeZone(folded.opened_at, 'America/Los_Angeles')), sightings.opened_on)
        AS opened_on,
    folded.changed_at AS changed_at,
    folded.event_count AS event_count
FROM folded
LEFT JOIN sightings ON sightings.paytrace_transaction_id = folded.paytrace_transaction_id
LEFT JOIN rpt_unrecognized_now AS unread ON unread.paytrace_transaction_id = folded.paytrace_transaction_id
COMMENT 'Where each PayTrace transaction stands now, folded from its events'
;
CREATE VIEW IF NOT EXISTS rpt_movements_now AS
SELECT
    *,
    min(occurred_at) OVER (PARTITION BY movement_id) AS first_at
FROM fct_movements FINAL
ORDER BY movement_id, stage DESC, source_offset DESC, row_index DESC
LIMIT 1 BY movement_id
COMMENT 'Each money movement by its furthest record'
;
CREATE VIEW IF NOT EXISTS rpt_entries_now AS
SELECT
    *,
    min(occurred_at) OVER (PARTITION BY posting_reference) AS first_at
FROM fct_entries FINAL
ORDER BY abas_customer_id, posting_reference, source_offset DESC, row_index DESC
LIMIT 1 BY abas_customer_id, posting_reference
COMMENT 'Each receivables entry by its latest event with each customer; those of a customer lie on one partition'
;
CREATE VIEW IF NOT EXISTS rpt_open_items_now AS
SELECT *
FROM fct_open_items FINAL
ORDER BY abas_open_item_id, source_offset DESC, row_index DESC
LIMIT 1 BY abas_open_item_id
COMMENT 'Each open item as last recorded'
;
CREATE VIEW IF NOT EXISTS fct_parked AS
WITH
parking AS
(
    SELECT
        inbox_topic,
        inbox_partition,
        inbox_offset,
        multiIf(countIf(change = 'DISCARDED') > 0, 'DISCARDED', countIf(change = 'RELEASED') > 0, 'RELEASED', 'PARKED') AS state,
        argMin(journal.record_key, journal.source_offset) AS record_key,
        argMinIf(journal.behind, journal.source_offset, change = 'PARKED') AS behind,
        argMinIf(journal.error_type, journal.source_offset, change = 'PARKED') AS error_type,
        argMinIf(journal.message, journal.source_offset, change = 'PARKED') AS message,
        argMaxIf(journal.requested_by, journal.source_offset, change != 'PARKED') AS requested_by,
        argMaxIf(journal.reason, journal.source_offset, change = 'DISCARDED') AS reason,
        min(journal.recorded_at) AS parked_at,
        argMin(journal.source_topic, journal.source_offset) AS source_topic,
        argMin(journal.source_partition, journal.source_offset) AS source_partition,
        min(journal.source_offset) AS source_offset
    FROM fct_parking AS journal FINAL
    GROUP BY inbox_topic, inbox_partition, inbox_offset
),
letters AS
(
    SELECT *
    FROM fct_dead_letters FINAL
    ORDER BY source_offset
    LIMIT 1 BY inbox_topic, inbox_partition, inbox_offset
)
SELECT
    parking.inbox_topic AS inbox_topic,
    parking.inbox_partition AS inbox_partition,
    parking.inbox_offset AS inbox_offset,
    parking.state AS state,
    letters.task AS task,
    parking.record_key AS record_key,
    letters.record_type AS record_type,
    letters.paytrace_transaction_id AS paytrace_transaction_id,
    letters.movement_id AS movement_id,
    letters.posting_reference AS posting_reference,
    letters.abas_customer_id AS abas_customer_id,
    letters.signed_minor AS signed_minor,
    letters.currency AS currency,
    ifNull(letters.occurred_at, parking.parked_at) AS occurred_at,
    parking.behind AS behind,
    parking.error_type AS error_type,
    parking.message AS message,
    parking.requested_by AS requested_by,
    parking.reason AS reason,
    parking.parked_at AS parked_at,
    parking.source_topic AS source_topic,
    parking.source_partition AS source_partition,
    parking.source_offset AS source_offset
FROM parking
LEFT JOIN letters USING (inbox_topic, inbox_partition, inbox_offset)
COMMENT 'Each record that was ever parked, its state now, and the money in it as its dead letter tells'
;
CREATE VIEW IF NOT EXISTS rpt_disputes_now AS
WITH
-- What a dispute takes from a payment is the payment's own event. While a dispute names no payment, no payment can have
-- one, so its last fact stands for it.
standing AS
(
    SELECT *
    FROM fct_disputes FINAL
    WHERE record_type != 'DisputeRecorded'
    UNION ALL
    SELECT *
    FROM
    (
        SELECT *
        FROM fct_disputes FINAL
        WHERE record_type = 'DisputeRecorded'
        ORDER BY settlement_account, dispute_id, source_offset DESC, row_index DESC
        LIMIT 1 BY settlement_account, dispute_id
    )
    WHERE paytrace_transaction_id = ''
)
SELECT
    settlement_account,
    dispute_id,
    paytrace_transaction_id,
    record_type,
    raw_stage,
    reason_code,
    charged_back_minor,
    currency,
    entered_on,
    min(entered_on) OVER one AS first_on,
    min(occurred_at) OVER one AS first_at,
    occurred_at,
    recorded_at,
    source_topic,
    source_partition,
    source_offset
FROM standing
WINDOW one AS (PARTITION BY settlement_account, dispute_id, paytrace_transaction_id)
ORDER BY settlement_account, dispute_id, paytrace_transaction_id, source_offset DESC, row_index DESC
LIMIT 1 BY settlement_account, dispute_id, paytrace_transaction_id
COMMENT 'Each dispute by what it takes now, and from which payment; won back ones stand at 0'
;
CREATE VIEW IF NOT EXISTS fct_waiting AS
WITH
posted AS
(
    SELECT posting_reference
    FROM fct_postings FINAL
    WHERE record_type IN ('CashReceiptPosted', 'CashReceiptReversed')
),
-- A parked command is counted as parked, a discarded one as discarded; its entry must not be counted a second time.
stopped AS
(
    SELECT posting_reference
    FROM fct_parked
    WHERE inbox_topic = 'erp.commands.v1' AND state IN ('PARKED', 'DISCARDED') AND posting_reference != ''
),
captured AS
(
    SELECT paytrace_transaction_id
    FROM fct_payment_events FINAL
    WHERE record_type = 'PaymentCaptured'
)
SELECT
    'identification' AS waits_in,
    reason,
    detail,
    paytrace_transaction_id,
    '' AS posting_reference,
    movement IN ('AMOUNT_INCREASED', 'AMOUNT_DECREASED') AS is_correction,
    '' AS abas_customer_id,
    invoice_number,
    signed_minor,
    currency,
    first_at AS waiting_since,
    occurred_at,
    recorded_at,
    source_topic,
    source_partition,
    source_offset
FROM rpt_movements_now
WHERE record_type = 'PaymentAwaitsReference'
UNION ALL
SELECT
    if(record_type = 'EntryWaiting', 'receivables', 'posting'),
    if(record_type = 'EntryWaiting', reason, 'POSTING_IN_PROGRESS'),
    if(record_type = 'EntryWaiting', detail, concat('asked of abas for open item ', abas_open_item_id)),
    paytrace_transaction_id,
    posting_reference,
    match(posting_reference, '[CU][0-9]'),
    abas_customer_id,
    invoice_number,
    signed_minor,
    currency,
    first_at,
    occurred_at,
    recorded_at,
    source_topic,
    source_partition,
    source_offset
FROM rpt_entries_now
WHERE record_type IN ('EntryWaiting', 'PaymentMatched', 'RefundMatched', 'PostingRequested')
    AND posting_reference NOT IN posted
    AND posting_reference NOT IN stopped
UNION ALL
-- No document takes a chargeback out of abas yet, so a person books it; it waits until the dispute is won back.
SELECT
    'disputes',
    multiIf(
        disputes.paytrace_transaction_id = '', 'CHARGEBACK_NAMES_NO_PAYMENT',
        disputes.paytrace_transaction_id NOT IN captured, 'CHARGEBACK_OF_UNKNOWN_PAYMENT',
        'CHARGEBACK_NOT_BOOKED'
    ),
    concat(
        'dispute ', disputes.dispute_id, ', ', disputes.raw_stage,
        if(disputes.reason_code = '', '', concat(', reason code ', disputes.reason_code)),
        ', of ', toString(disputes.entered_on)
    ),
    disputes.paytrace_transaction_id,
    '',
    0,
    entries.abas_customer_id,
    entries.invoice_number,
    -disputes.charged_back_minor,
    disputes.currency,
    disputes.first_at,
    disputes.occurred_at,
    disputes.recorded_at,
    disputes.source_topic,
    disputes.source_partition,
    disputes.source_offset
FROM rpt_disputes_now AS disputes
LEFT JOIN
(
    SELECT paytrace_transaction_id, any(abas_customer_id) AS abas_customer_id, any(invoice_number) AS invoice_number
    FROM rpt_entries_now
    WHERE paytrace_transaction_id != ''
    GROUP BY paytrace_transaction_id
) AS entries ON entries.paytrace_transaction_id = disputes.paytrace_transaction_id
WHERE disputes.charged_back_minor != 0
COMMENT 'Money that should be in abas and is not yet: where it waits, why, and since when'
;
CREATE VIEW IF NOT EXISTS rpt_money AS
WITH
facts AS
(
    SELECT *, if(record_type IN ('CaptureReversed', 'RefundIssued'), -1, 1) AS side
    FROM fct_payment_events FINAL
    WHERE term NOT IN ('', 'charged_back')
),
-- The day of a line is the value date of the money: what follows downstream belongs to that day, also when it was seen or
-- posted a week later. A changed amount (a posting reference with C) and a match that was undone (U) belong
-- to the day of their payment too. A document that was asked for bears the value date that was asked for, so a day on
-- which abas holds another one does not close. money_at is when Saldo learned of it.
moments AS
(
    SELECT
        paytrace_transaction_id,
        minIf(occurred_at, record_type IN ('PaymentCaptured', 'RefundReversed')) AS in_at,
        countIf(record_type IN ('PaymentCaptured', 'RefundReversed')) AS ins,
        minIf(value_on, record_type IN ('PaymentCaptured', 'RefundReversed')) AS in_on,
        minIf(occurred_at, side = -1) AS out_at,
        minIf(value_on, side = -1) AS out_on,
        countIf(side = -1) AS outs
    FROM facts
    GROUP BY paytrace_transaction_id
),
requested AS
(
    SELECT posting_reference, argMax(value_on, source_offset) AS requested_on
    FROM fct_entries FINAL
    WHERE record_type = 'PostingRequested' AND value_on IS NOT NULL
    GROUP BY posting_reference
),
documents AS
(
    -- A look-up that finds the document again says so again; it is one document.
    SELECT *
    FROM fct_postings FINAL
    WHERE record_type IN ('CashReceiptPosted', 'CashReceiptReversed')
    ORDER BY source_offset
    LIMIT 1 BY posting_reference, abas_document_id
),
lines AS
(
    SELECT
        toString(term) AS term, toInt128(term_minor) AS minor, toInt8(side) AS side, toString(currency) AS currency,
        paytrace_transaction_id, '' AS posting_reference, toString(record_type) AS told_by, detail,
        occurred_at, recorded_at, toString(source_topic) AS source_topic, source_partition, source_offset
    FROM facts
    UNION ALL
    SELECT
        'posted', toInt128(signed_minor),
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), abas_document_number,
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM documents
    UNION ALL
    SELECT
        'waiting', toInt128(signed_minor), if(is_correction, 1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(reason), detail,
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM fct_waiting
    WHERE waits_in != 'disputes'
    UNION ALL
    SELECT
        lower(state), toInt128(signed_minor),
        if(position(movement_id, ':AMOUNT_') > 0 OR match(posting_reference, '[CU][0-9]'),
            1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), message,
        occurred_at, parked_at, toString(source_topic), source_partition, source_offset
    FROM fct_parked
    WHERE state IN ('PARKED', 'DISCARDED') AND signed_minor != 0
    UNION ALL
    SELECT
        'netted', toInt128(signed_minor),
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), concat('with ', netted_with),
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM rpt_entries_now
    WHERE record_type = 'EntryNetted'
    UNION ALL
    SELECT
        'handed_over', toInt128(signed_minor),
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), detail,
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM rpt_entries_now
    WHERE record_type = 'EntryHandedOver' AND posting_reference NOT IN (SELECT posting_reference FROM documents)
    UNION ALL
    -- Given away by one customer and not taken over by the other yet.
    SELECT
        'on_the_way', toInt128(signed_minor),
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), detail,
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM rpt_entries_now
    WHERE record_type = 'EntryMoved' AND moved_to != abas_customer_id
        AND (posting_reference, command_id) NOT IN
        (
            SELECT posting_reference, command_id
            FROM fct_entries FINAL
            WHERE record_type = 'EntryMoved' AND moved_to = abas_customer_id
        )
        AND posting_reference NOT IN
        (
            SELECT posting_reference
            FROM fct_parked
            WHERE state != 'RELEASED' AND record_type = 'EntryMoved'
        )
    UNION ALL
    SELECT
        'on_the_way', toInt128(signed_minor),
        if(movement IN ('AMOUNT_INCREASED', 'AMOUNT_DECREASED'), 1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, '', toString(record_type), concat(movement, ' ', token),
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM rpt_movements_now
    WHERE record_type IN ('PaymentToIdentify', 'PaymentPassedOn', 'PaymentIdentified')
        AND movement_id NOT IN (SELECT movement_id FROM fct_parked WHERE state != 'RELEASED' AND movement_id != '')
)
SELECT
    lines.term AS term,
    lines.minor AS minor,
    lines.currency AS currency,
    lines.paytrace_transaction_id AS paytrace_transaction_id,
    lines.posting_reference AS posting_reference,
    lines.told_by AS told_by,
    lines.detail AS detail,
    multiIf(
        lines.side >= 0 AND moments.ins > 0, moments.in_at,
        lines.side < 0 AND moments.outs > 0, moments.out_at,
        moments.ins > 0, moments.in_at,
        moments.outs > 0, moments.out_at,
        lines.occurred_at
    ) AS money_at,
    coalesce(
        requested.requested_on,
        multiIf(
            lines.side >= 0 AND moments.ins > 0, moments.in_on,
            lines.side < 0 AND moments.outs > 0, moments.out_on,
            moments.ins > 0, moments.in_on,
            moments.outs > 0, moments.out_on,
            toDate32(toTimeZone(lines.occurred_at, 'America/Los_Angeles'))
        )
    ) AS value_on,
    lines.occurred_at AS occurred_at,
    lines.recorded_at AS recorded_at,
    lines.source_topic AS source_topic,
    lines.source_partition AS source_partition,
    lines.source_offset AS source_offset
FROM lines
LEFT JOIN moments USING (paytrace_transaction_id)
LEFT JOIN requested ON requested.posting_reference = lines.posting_reference
UNION ALL
-- All lines of a dispute fall on the day on which the processor first moved its money, so that won back ones come to 0
-- on that day. The charged back term is made of the differences that events tell, what waits of the last standing.
SELECT
    'charged_back', toInt128(facts.charged_back_minor) - facts.previous_minor, toString(facts.currency),
    facts.paytrace_transaction_id, '', toString(facts.record_type),
    concat('dispute ', facts.dispute_id, ', ', facts.raw_stage),
    toDateTime64(disputes.first_on, 6, 'UTC') + INTERVAL 12 HOUR, toDate32(disputes.first_on),
    facts.occurred_at, facts.recorded_at, toString(facts.source_topic), facts.source_partition, facts.source_offset
FROM fct_disputes AS facts FINAL
INNER JOIN rpt_disputes_now AS disputes
    ON disputes.settlement_account = facts.settlement_account AND disputes.dispute_id = facts.dispute_id
    AND disputes.paytrace_transaction_id = facts.paytrace_transaction_id
WHERE facts.record_type != 'DisputeRecorded'
UNION ALL
SELECT
    arrayJoin(if(paytrace_transaction_id = '', ['charged_back', 'waiting'], ['waiting'])) AS term,
    if(term = 'waiting', -1, 1) * toInt128(charged_back_minor), toString(currency),
    paytrace_transaction_id, '', toString(record_type), concat('dispute ', dispute_id, ', ', raw_stage),
    toDateTime64(first_on, 6, 'UTC') + INTERVAL 12 HOUR, toDate32(first_on),
    occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
FROM rpt_disputes_now
WHERE charged_back_minor != 0
COMMENT 'Every line of the bridge with the record it comes from; each term is read from its own records, none is a remainder'
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
    latest.suggestion_code AS suggestion_code,
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
    if(term = 'deposited', -toInt128(signed_minor), toInt128(signed_minor)) AS minor,
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
    multiIf(record_type = 'BankLineDismissed', toInt128(deposit_minor), record_type = 'DepositUnmatched', toInt128(fee_minor), -toInt128(fee_minor)),
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
