-- A payer's money that was refused waits above. Another document counts until one of its kind for its item is posted or
-- asked for after it.
SELECT
    'documents refused',
    toString(currency),
    count(),
    sum(toInt128(amount_minor)),
    toDateTime64(min(recorded_at), 3, 'UTC')
FROM rpt_documents_now AS refused
LEFT JOIN
(
    SELECT kind, open_item, max(recorded_at) AS last_at
    FROM rpt_documents_now
    WHERE state IN ('posted', 'waiting')
    GROUP BY kind, open_item
) AS others ON others.kind = refused.kind AND others.open_item = refused.open_item
WHERE state = 'refused' AND NOT is_payer_money AND (refused.open_item = '' OR refused.recorded_at > others.last_at)
GROUP BY currency
