-- Money that waits.
SELECT
    'money waits',
    toString(currency),
    uniqExact(paytrace_transaction_id, posting_reference),
    sum(toInt128(signed_minor)),
    toDateTime64(min(waiting_since), 3, 'UTC')
FROM fct_waiting
WHERE reason NOT IN ('POSTING_IN_PROGRESS', 'RISK_UNANSWERED', 'RISK_HELD') AND waits_in != 'disputes'
GROUP BY currency
