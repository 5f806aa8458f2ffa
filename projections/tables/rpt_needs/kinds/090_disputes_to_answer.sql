-- Disputes whose last day for an answer is near or over.
SELECT
    'disputes to answer',
    toString(currency),
    count(),
    sum(toInt128(disputed_minor)),
    toDateTime64(min(warned_at), 3, 'UTC')
FROM rpt_dispute_cases
WHERE deadline IN ('near', 'passed')
GROUP BY currency
