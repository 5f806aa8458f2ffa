-- Chargebacks that wait to be booked.
SELECT
    'chargebacks to book',
    toString(currency),
    uniqExact(paytrace_transaction_id, posting_reference),
    sum(toInt128(signed_minor)),
    toDateTime64(min(waiting_since), 3, 'UTC')
FROM fct_waiting
WHERE reason != 'POSTING_IN_PROGRESS' AND waits_in = 'disputes'
GROUP BY currency
