-- How much of what was captured goes back, by refunds, returns and chargebacks?
-- One row for each merchant account, rail and month of the value date; of a dispute, of the day on which the processor first
-- moved its money. Ratios are in hundredths of a percent: of the count, as card networks measure, and of the amount.
-- period month: first day of the month
WITH
moved AS
(
    SELECT
        toString(merchant) AS merchant,
        toString(currency) AS currency,
        toString(method) AS method,
        toStartOfMonth(value_on) AS month,
        toString(term) AS term,
        toInt128(term_minor) AS minor,
        paytrace_transaction_id
    FROM fct_payment_events FINAL
    WHERE term IN ('captured', 'refunded', 'returned')
    UNION ALL
    SELECT
        toString(paid.merchant), toString(disputes.currency), toString(paid.method), toStartOfMonth(disputes.first_on),
        'charged_back', toInt128(disputes.charged_back_minor), disputes.paytrace_transaction_id
    FROM rpt_disputes_now AS disputes
    INNER JOIN fct_payments AS paid ON paid.paytrace_transaction_id = disputes.paytrace_transaction_id
)
SELECT
    merchant,
    month,
    method,
    uniqExactIf(paytrace_transaction_id, term = 'captured') AS payment_count,
    uniqExactIf(paytrace_transaction_id, term = 'refunded') AS refund_count,
    uniqExactIf(paytrace_transaction_id, term = 'returned') AS return_count,
    uniqExactIf(paytrace_transaction_id, term = 'charged_back') AS chargeback_count,
    sumIf(minor, term = 'captured') AS captured_minor,
    sumIf(minor, term = 'refunded') AS refunded_minor,
    sumIf(minor, term = 'returned') AS returned_minor,
    sumIf(minor, term = 'charged_back') AS charged_back_minor,
    currency,
    if(payment_count = 0, NULL, toInt64(round(10000 * refund_count / payment_count))) AS refund_count_bps,
    if(payment_count = 0, NULL, toInt64(round(10000 * return_count / payment_count))) AS return_count_bps,
    if(payment_count = 0, NULL, toInt64(round(10000 * chargeback_count / payment_count))) AS chargeback_count_bps,
    if(captured_minor = 0, NULL, toInt64(round(10000 * refunded_minor / captured_minor))) AS refund_amount_bps,
    if(captured_minor = 0, NULL, toInt64(round(10000 * charged_back_minor / captured_minor))) AS chargeback_amount_bps
FROM moved
GROUP BY merchant, month, method, currency
ORDER BY month DESC, merchant, method
