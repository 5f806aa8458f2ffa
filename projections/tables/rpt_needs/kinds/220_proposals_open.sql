-- Proposals that need a second person.
SELECT
    'proposals open',
    currency,
    count(),
    sum(toInt128(amount_minor)),
    toDateTime64(min(proposed_at), 3, 'UTC')
FROM rpt_proposals_now
WHERE status = 'open'
GROUP BY currency
