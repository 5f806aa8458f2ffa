CREATE VIEW IF NOT EXISTS rpt_money AS
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
