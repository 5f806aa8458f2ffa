-- What deposits have left that nothing explains.
SELECT
    'rests of deposits',
    toString(currency),
    count(),
    sum(abs(toInt128(rest_minor))),
    toDateTime64(min(booked_on), 3, 'UTC')
FROM rpt_bank_lines_now
WHERE rest_minor != 0
GROUP BY currency
