-- Payments whose words can't be read.
SELECT
    'payments not recognized',
    toString(currency),
    count(),
    sum(toInt128(signed_minor)),
    toDateTime64(min(waiting_since), 3, 'UTC')
FROM rpt_unrecognized_now
GROUP BY currency
