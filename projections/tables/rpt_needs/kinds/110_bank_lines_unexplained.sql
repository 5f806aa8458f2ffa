-- Bank lines that nothing explains.
SELECT
    'bank lines unexplained',
    toString(currency),
    count(),
    sum(abs(toInt128(deposit_minor))), -- money in does not make up for money out: each has to be explained
    toDateTime64(min(booked_on), 3, 'UTC')
FROM rpt_bank_lines_now
WHERE status IN ('break', 'suggested')
GROUP BY currency
