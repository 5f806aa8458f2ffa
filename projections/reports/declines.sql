-- Why are payments declined, how much is lost by it, and how much comes all the same?
-- One row for each month, merchant account, rail and reason in the words of PayTrace, the largest first. Came later counts
-- payments whose invoice was captured by another transaction afterwards. Code, class and next step are those of the rules payment-codes.
-- period month: first day of the month
WITH
declined AS
(
    SELECT
        paytrace_transaction_id,
        any(toString(merchant)) AS merchant,
        any(toString(method)) AS method,
        any(toString(currency)) AS currency,
        any(toString(raw_status)) AS reason,
        any(toString(raw_response_code)) AS response_code,
        max(toInt128(amount_minor)) AS minor,
        any(invoice_number) AS invoice_number,
        min(created_on) AS declined_on
    FROM fct_observations FINAL
    WHERE status IN ('DECLINED', 'ACH_FAILED')
    GROUP BY paytrace_transaction_id
),
steps AS
(
    SELECT paytrace_transaction_id, toString(code) AS code, toString(code_class) AS class,
        replaceAll(lower(toString(next_step)), '_', ' ') AS next_step
    FROM rpt_next_steps_now
    WHERE code_kind != 'CHANGE'
),
captured AS
(
    SELECT DISTINCT invoice_number
    FROM fct_payment_events FINAL
    WHERE record_type = 'PaymentCaptured' AND invoice_number != ''
)
SELECT
    toStartOfMonth(declined_on) AS month,
    merchant,
    method,
    reason,
    response_code,
    code,
    class,
    next_step,
    count() AS declined_count,
    sum(minor) AS declined_minor,
    countIf(invoice_number IN (SELECT invoice_number FROM captured)) AS came_later_count,
    sumIf(minor, invoice_number IN (SELECT invoice_number FROM captured)) AS came_later_minor,
    currency
FROM declined
LEFT JOIN steps ON steps.paytrace_transaction_id = declined.paytrace_transaction_id
GROUP BY month, merchant, method, reason, response_code, code, class, next_step, currency
ORDER BY month DESC, declined_minor DESC, reason
