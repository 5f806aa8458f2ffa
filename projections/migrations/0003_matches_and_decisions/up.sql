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
    option_number Int32,
    option_count Int32,
    abas_open_item_ids Array(String),
    invoice_numbers Array(String),
    part_amounts Array(Int64),
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
COMMENT 'Each option that was suggested for a receipt; part_amounts are minor units of currency'
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
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The life of each write-off, event by event; none of it is money of PayTrace'
;
CREATE OR REPLACE VIEW fct_waiting AS
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
COMMENT 'Money that should be in abas and is not yet: where it waits, why, and since when'
;
CREATE OR REPLACE VIEW rpt_money AS
WITH
facts AS
(
    SELECT *, if(record_type IN ('CaptureReversed', 'RefundIssued'), -1, 1) AS side
    FROM fct_payment_events FINAL
    WHERE term != ''
),
-- The day of a line is the day on which the payment moved: what follows downstream belongs to that day, also when it
-- was posted a week later. A changed amount (a posting reference with C) and a match that was undone (U) belong
-- to the day of their payment too.
moments AS
(
    SELECT
        paytrace_transaction_id,
        minIf(occurred_at, record_type IN ('PaymentCaptured', 'RefundReversed')) AS in_at,
        countIf(record_type IN ('PaymentCaptured', 'RefundReversed')) AS ins,
        minIf(occurred_at, side = -1) AS out_at,
        countIf(side = -1) AS outs
    FROM facts
    GROUP BY paytrace_transaction_id
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
        toString(term) AS term, term_minor AS minor, toInt8(side) AS side, toString(currency) AS currency,
        paytrace_transaction_id, '' AS posting_reference, toString(record_type) AS told_by, detail,
        occurred_at, recorded_at, toString(source_topic) AS source_topic, source_partition, source_offset
    FROM facts
    UNION ALL
    SELECT
        'posted', signed_minor,
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), abas_document_number,
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM documents
    UNION ALL
    SELECT
        'waiting', signed_minor, if(is_correction, 1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(reason), detail,
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM fct_waiting
    UNION ALL
    SELECT
        lower(state), signed_minor,
        if(position(movement_id, ':AMOUNT_') > 0 OR match(posting_reference, '[CU][0-9]'),
            1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), message,
        occurred_at, parked_at, toString(source_topic), source_partition, source_offset
    FROM fct_parked
    WHERE state IN ('PARKED', 'DISCARDED') AND signed_minor != 0
    UNION ALL
    SELECT
        'netted', signed_minor,
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), concat('with ', netted_with),
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM rpt_entries_now
    WHERE record_type = 'EntryNetted'
    UNION ALL
    SELECT
        'on_the_way', signed_minor,
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
    lines.occurred_at AS occurred_at,
    lines.recorded_at AS recorded_at,
    lines.source_topic AS source_topic,
    lines.source_partition AS source_partition,
    lines.source_offset AS source_offset
FROM lines
LEFT JOIN moments USING (paytrace_transaction_id)
COMMENT 'Every line of the bridge with the record it comes from; each term is read from its own records, none is a remainder'
;
