-- How much came in each day, by rail and by what became of it?
-- One row for each day, currency, kind, method and state; a payment counts on the business day of its creation.
-- period day: the day on which a payment was created
SELECT
    opened_on AS day,
    currency,
    kind,
    method,
    state,
    count() AS payment_count,
    sum(toInt128(amount_minor)) AS amount_minor,
    sum(net_minor) AS net_minor,
    countIf(needs_attention) AS attention_count
FROM fct_payments
GROUP BY day, currency, kind, method, state
ORDER BY day, currency, kind, method, state
