-- Documents without an account.
SELECT
    'ledger documents waiting',
    toString(currency),
    count(),
    sum(total_minor),
    toDateTime64(min(recorded_at), 3, 'UTC')
FROM rpt_ledger_documents_now
WHERE state = 'waiting' AND waits_for = 'NO_ACCOUNT'
GROUP BY currency
