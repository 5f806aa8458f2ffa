CREATE OR REPLACE VIEW fct_payments AS
WITH
-- Some events carry no amount and no currency (an ACH return that is all that was ever seen); the observation does.
observations AS
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
    -- A higher rank wins whatever the order of the observations: a void seen first still outranks the capture seen later.
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
    if(folded.kind = 'REFUND' OR observations.kind IN ('REFUND', 'ACH_REFUND'), 'REFUND', 'PAYMENT') AS kind,
    -- Once it could be read and still proved nothing, no money has moved.
    if(folded.state = 'UNRECOGNIZED' AND unread.reason = '', 'NOTHING_MOVED', folded.state) AS state,
    if(folded.method != '', folded.method, observations.method) AS method,
    if(folded.merchant != '', folded.merchant, observations.merchant) AS merchant,
    if(folded.currency != '', folded.currency, observations.currency) AS currency,
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
    if(observations.paytrace_transaction_id = '', toDate32(toTimeZone(folded.opened_at, {day_zone:String})), observations.opened_on)
        AS opened_on,
    folded.changed_at AS changed_at,
    folded.event_count AS event_count
FROM folded
LEFT JOIN observations ON observations.paytrace_transaction_id = folded.paytrace_transaction_id
LEFT JOIN rpt_unrecognized_now AS unread ON unread.paytrace_transaction_id = folded.paytrace_transaction_id
COMMENT 'Where each PayTrace transaction stands now, folded from its events'
