-- Parked records.
SELECT
    'records parked',
    toString(currency),
    count(),
    sum(toInt128(signed_minor)),
    toDateTime64(min(parked_at), 3, 'UTC')
FROM fct_parked
WHERE state = 'PARKED'
GROUP BY currency
