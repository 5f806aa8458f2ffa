CREATE OR REPLACE VIEW rpt_money AS
WITH
facts AS
(
    SELECT *, if(record_type IN ('CaptureReversed', 'RefundIssued'), -1, 1) AS side
    FROM fct_payment_events FINAL
    WHERE term NOT IN ('', 'charged_back')
),
-- The day of a line is the value date of the money: what follows downstream belongs to that day, also when it was seen or
-- posted a week later. A changed amount (a posting reference with C) and a match that was unmatched (U) belong
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
    FROM fct_documents FINAL
    WHERE record_type = 'DocumentPosted' AND is_payer_money
    ORDER BY source_offset
    LIMIT 1 BY posting_reference, document_id
),
-- Payments whose movements have gone on to their customers.
moved AS
(
    SELECT paytrace_transaction_id
    FROM fct_payment_events FINAL
    GROUP BY paytrace_transaction_id
    HAVING countIf(record_type = 'PaymentCaptured') > 0
        AND (countIf(record_type = 'ValuationAsked') = 0 OR countIf(record_type = 'PaymentValued') > 0)
),
-- What a dispute takes off the customer at once falls on the day on which one first took money of that payment.
taken AS
(
    SELECT paytrace_transaction_id, min(first_on) AS taken_on, 1 AS is_taken
    FROM rpt_disputes_now
    WHERE reopens_invoice
    GROUP BY paytrace_transaction_id
),
-- Documents of a dispute that are the merchant account's: what abas holds of them no longer waits.
booked AS
(
    SELECT *, if(kind = 'chargeback', -1, 1) * toInt128(amount_minor) AS booked_minor
    FROM fct_documents FINAL
    WHERE record_type = 'DocumentPosted' AND kind IN ('chargeback', 'chargeback_reversal')
    ORDER BY source_offset
    LIMIT 1 BY posting_reference
),
lines AS
(
    SELECT
        toString(term) AS term, toInt128(term_minor) AS minor, toInt8(side) AS side, 0 AS is_chargeback,
        toString(currency) AS currency,
        paytrace_transaction_id, '' AS posting_reference, toString(record_type) AS reported_by, detail,
        occurred_at, recorded_at, toString(source_topic) AS source_topic, source_partition, source_offset
    FROM facts
    UNION ALL
    SELECT
        'posted', toInt128(signed_minor),
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))),
        match(posting_reference, '[KR](-[0-9]+)?(S[0-9]+)*$'), toString(currency),
        paytrace_transaction_id, posting_reference, toString(kind), document_number,
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM documents
    UNION ALL
    SELECT
        'waiting', toInt128(signed_minor), if(is_correction, 1, toInt8(sign(signed_minor))), is_chargeback,
        toString(currency),
        paytrace_transaction_id, posting_reference, toString(reason), detail,
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM fct_waiting
    WHERE waits_in != 'disputes'
    UNION ALL
    SELECT
        lower(state), toInt128(signed_minor),
        if(position(movement_id, ':AMOUNT_') > 0 OR match(posting_reference, '[CU][0-9]'),
            1, toInt8(sign(signed_minor))),
        position(movement_id, ':CHARGE') > 0 OR match(posting_reference, '[KR](-[0-9]+)?(S[0-9]+)*$'), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), message,
        occurred_at, parked_at, toString(source_topic), source_partition, source_offset
    FROM fct_parked
    WHERE state IN ('PARKED', 'DISCARDED') AND signed_minor != 0
    UNION ALL
    SELECT
        'netted', toInt128(signed_minor),
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))),
        match(posting_reference, '[KR](-[0-9]+)?(S[0-9]+)*$'), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), concat('with ', netted_with),
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM rpt_entries_now
    WHERE record_type = 'EntryNetted'
    UNION ALL
    SELECT
        'handed_over', toInt128(signed_minor),
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))),
        match(posting_reference, '[KR](-[0-9]+)?(S[0-9]+)*$'), toString(currency),
        paytrace_transaction_id, posting_reference, toString(record_type), detail,
        occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
    FROM rpt_entries_now
    WHERE record_type = 'EntryHandedOver' AND posting_reference NOT IN (SELECT posting_reference FROM documents)
    UNION ALL
    -- Given away by one customer and not taken over by the other yet.
    SELECT
        'on_the_way', toInt128(signed_minor),
        if(match(posting_reference, '[CU][0-9]'), 1, toInt8(sign(signed_minor))),
        match(posting_reference, '[KR](-[0-9]+)?(S[0-9]+)*$'), toString(currency),
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
        if(movement IN ('AMOUNT_INCREASED', 'AMOUNT_DECREASED'), 1, toInt8(sign(signed_minor))),
        movement IN ('CHARGED_BACK', 'CHARGEBACK_REVERSED'), toString(currency),
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
    lines.reported_by AS reported_by,
    lines.detail AS detail,
    multiIf(
        lines.is_chargeback AND taken.is_taken, toDateTime64(taken.taken_on, 6, 'UTC') + INTERVAL 12 HOUR,
        lines.side >= 0 AND moments.ins > 0, moments.in_at,
        lines.side < 0 AND moments.outs > 0, moments.out_at,
        moments.ins > 0, moments.in_at,
        moments.outs > 0, moments.out_at,
        lines.occurred_at
    ) AS money_at,
    coalesce(
        if(lines.is_chargeback AND taken.is_taken, taken.taken_on, NULL),
        requested.requested_on,
        multiIf(
            lines.side >= 0 AND moments.ins > 0, moments.in_on,
            lines.side < 0 AND moments.outs > 0, moments.out_on,
            moments.ins > 0, moments.in_on,
            moments.outs > 0, moments.out_on,
            toDate32(toTimeZone(lines.occurred_at, {day_zone:String}))
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
LEFT JOIN taken ON taken.paytrace_transaction_id = lines.paytrace_transaction_id
UNION ALL
SELECT
    arrayJoin(['posted', 'waiting']) AS term, if(term = 'posted', 1, -1) * booked_minor, toString(currency),
    paytrace_transaction_id, posting_reference, toString(kind), document_number,
    occurred_at, coalesce(value_on, toDate32(toTimeZone(occurred_at, {day_zone:String}))),
    occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
FROM booked
UNION ALL
-- All lines of a dispute fall on the day on which the processor first moved its money, so that won back ones come to 0
-- on that day. The charged back term is made of the differences that events tell, what waits of the last status.
SELECT
    'charged_back', toInt128(facts.charged_back_minor) - facts.previous_minor, toString(facts.currency),
    facts.paytrace_transaction_id, '', toString(facts.record_type),
    concat('dispute ', facts.dispute_id, ', ', facts.raw_stage),
    toDateTime64(day_of, 6, 'UTC') + INTERVAL 12 HOUR, if(disputes.reopens_invoice, taken.taken_on, disputes.first_on) AS day_of,
    facts.occurred_at, facts.recorded_at, toString(facts.source_topic), facts.source_partition, facts.source_offset
FROM fct_dispute_events AS facts FINAL
INNER JOIN rpt_disputes_now AS disputes
    ON disputes.settlement_account = facts.settlement_account AND disputes.dispute_id = facts.dispute_id
    AND disputes.paytrace_transaction_id = facts.paytrace_transaction_id
LEFT JOIN taken ON taken.paytrace_transaction_id = facts.paytrace_transaction_id
WHERE facts.record_type != 'DisputeRecorded'
UNION ALL
SELECT
    arrayJoin(multiIf(
        paytrace_transaction_id = '', ['charged_back', 'waiting'],
        -- The payment has heard of it, and it goes the way of its other money.
        reopens_invoice AND paytrace_transaction_id IN moved, emptyArrayString(),
        ['waiting']
    )) AS term,
    if(term = 'waiting', -1, 1) * toInt128(charged_back_minor), toString(currency),
    disputes.paytrace_transaction_id, '', toString(record_type), concat('dispute ', dispute_id, ', ', raw_stage),
    toDateTime64(day_of, 6, 'UTC') + INTERVAL 12 HOUR, if(reopens_invoice AND is_taken, taken_on, first_on) AS day_of,
    occurred_at, recorded_at, toString(source_topic), source_partition, source_offset
FROM rpt_disputes_now AS disputes
LEFT JOIN taken ON taken.paytrace_transaction_id = disputes.paytrace_transaction_id
WHERE charged_back_minor != 0
COMMENT 'Every line of the bridge with the record it comes from; each term is read from its own records, none is a remainder'
