-- Which captured payments wait that no order of a shop names, and for how long?
-- One row for each payment with money that is not in abas yet; a shop that names its transaction makes it one of an order. Also
-- payments that are of no shop are here while they wait.
-- parameter today Date = today: age is counted up to this day
SELECT
    paytrace_transaction_id,
    any(invoice_number) AS invoice_number,
    sum(toInt128(events.amount_minor)) AS amount_minor,
    toString(any(events.currency)) AS currency,
    min(occurred_at) AS captured_at,
    dateDiff('day', toDate(min(occurred_at)), {today:Date}) AS age_days
FROM fct_payment_events AS events FINAL
WHERE record_type = 'PaymentCaptured'
    AND paytrace_transaction_id IN (SELECT paytrace_transaction_id FROM fct_waiting)
    AND paytrace_transaction_id NOT IN
    (SELECT paytrace_transaction_id FROM fct_payment_events FINAL WHERE record_type = 'OrderPaymentAsked')
GROUP BY paytrace_transaction_id
ORDER BY captured_at, paytrace_transaction_id
