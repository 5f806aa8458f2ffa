-- Payments that rules of risk hold, and those that they found too late.
SELECT
    'payments held',
    toString(currency),
    count(),
    sum(if(is_refund = 1, -1, 1) * toInt128(amount_minor)),
    toDateTime64(min(held_since), 3, 'UTC')
FROM rpt_risk_now
WHERE status = 'HELD'
GROUP BY currency
