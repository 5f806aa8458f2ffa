CREATE OR REPLACE VIEW fct_waiting AS
WITH
posted AS
(
    SELECT posting_reference
    FROM fct_documents FINAL
    WHERE record_type = 'DocumentPosted'
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
),
-- Of these what a dispute takes off the customer at once goes the way of their other money.
moved AS
(
    SELECT paytrace_transaction_id
    FROM fct_payment_events FINAL
    GROUP BY paytrace_transaction_id
    HAVING countIf(record_type = 'PaymentCaptured') > 0
        AND (countIf(record_type = 'ValuationAsked') = 0 OR countIf(record_type = 'PaymentValued') > 0)
),
booked AS
(
    SELECT
        settlement_account, dispute_id,
        sumIf(if(kind = 'chargeback', -1, 1) * toInt128(minor), is_posted) AS booked_minor,
        countIf(NOT is_answered) > 0 AS is_asked
    FROM
    (
        SELECT
            any(facts.settlement_account) AS settlement_account, any(facts.dispute_id) AS dispute_id,
            any(facts.kind) AS kind, any(facts.amount_minor) AS minor,
            countIf(record_type = 'DocumentPosted') > 0 AS is_posted,
            uniqExactIf(event_id, record_type = 'PostDocument') <= countIf(record_type != 'PostDocument') AS is_answered
        FROM fct_documents AS facts FINAL
        WHERE facts.kind IN ('chargeback', 'chargeback_reversal')
        GROUP BY posting_reference
    )
    GROUP BY settlement_account, dispute_id
)
SELECT
    'identification' AS waits_in,
    reason,
    detail,
    paytrace_transaction_id,
    '' AS posting_reference,
    movement IN ('AMOUNT_INCREASED', 'AMOUNT_DECREASED') AS is_correction,
    movement IN ('CHARGED_BACK', 'CHARGEBACK_REVERSED') AS is_chargeback,
    abas_customer_id,
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
WHERE record_type IN ('PaymentAwaitsReference', 'PaymentAwaitsRisk')
UNION ALL
SELECT
    if(record_type = 'EntryWaiting', 'receivables', 'posting'),
    if(record_type = 'EntryWaiting', reason, 'POSTING_IN_PROGRESS'),
    if(record_type = 'EntryWaiting', detail, concat('asked of abas for open item ', abas_open_item_id)),
    paytrace_transaction_id,
    posting_reference,
    match(posting_reference, '[CU][0-9]'),
    match(posting_reference, '[KR](-[0-9]+)?(S[0-9]+)*$'),
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
-- Money in a foreign currency goes on once it is valued; until then nothing of its transaction does.
SELECT
    'rates',
    'NO_RATE_YOUNG_ENOUGH',
    concat('no exchange rate ', pair, ' is young enough for ', toString(asked_for)),
    paytrace_transaction_id,
    '',
    0,
    0,
    '',
    invoice,
    minor,
    currency,
    since,
    last_at,
    last_recorded_at,
    topic,
    partition,
    offset
FROM
(
    SELECT
        paytrace_transaction_id,
        anyIf(detail, record_type = 'ValuationAsked') AS pair,
        anyIf(value_on, record_type = 'ValuationAsked') AS asked_for,
        max(invoice_number) AS invoice,
        sumIf(term_minor, term = 'captured') - sumIf(term_minor, term IN ('refunded', 'voided', 'returned')) AS minor,
        anyIf(currency, record_type = 'ValuationAsked') AS currency,
        minIf(occurred_at, record_type = 'ValuationAsked') AS since,
        max(occurred_at) AS last_at,
        max(recorded_at) AS last_recorded_at,
        anyIf(source_topic, record_type = 'ValuationAsked') AS topic,
        anyIf(source_partition, record_type = 'ValuationAsked') AS partition,
        anyIf(source_offset, record_type = 'ValuationAsked') AS offset
    FROM fct_payment_events FINAL
    GROUP BY paytrace_transaction_id
    HAVING countIf(record_type = 'ValuationAsked') > 0 AND countIf(record_type = 'PaymentValued') = 0
)
UNION ALL
-- What a dispute takes, less what abas holds of it as documents of the merchant account. Of one that opens the invoice
-- again only what no payment has heard of yet.
SELECT
    'disputes',
    multiIf(
        booked.is_asked, 'POSTING_IN_PROGRESS',
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
    0,
    entries.abas_customer_id,
    entries.invoice_number,
    -disputes.charged_back_minor - booked.booked_minor AS waiting_minor,
    disputes.currency,
    disputes.first_at,
    disputes.occurred_at,
    disputes.recorded_at,
    disputes.source_topic,
    disputes.source_partition,
    disputes.source_offset
FROM
(
    -- One that named another payment before has a line for each; its documents belong to the one that it names now.
    SELECT
        *,
        row_number() OVER (
            PARTITION BY settlement_account, dispute_id ORDER BY occurred_at DESC, charged_back_minor DESC
        ) = 1 AS is_latest
    FROM rpt_disputes_now
) AS disputes
LEFT JOIN
(
    SELECT paytrace_transaction_id, any(abas_customer_id) AS abas_customer_id, any(invoice_number) AS invoice_number
    FROM rpt_entries_now
    WHERE paytrace_transaction_id != ''
    GROUP BY paytrace_transaction_id
) AS entries ON entries.paytrace_transaction_id = disputes.paytrace_transaction_id
LEFT JOIN booked
    ON booked.settlement_account = disputes.settlement_account AND booked.dispute_id = disputes.dispute_id
    AND disputes.is_latest
WHERE waiting_minor != 0 AND NOT (disputes.reopens_invoice AND disputes.paytrace_transaction_id IN moved)
COMMENT 'Money that should be in abas and is not yet: where it waits, why, and since when'
