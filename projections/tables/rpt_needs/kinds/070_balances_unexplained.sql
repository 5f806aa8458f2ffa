-- Accounts where abas shows something else than our documents.
SELECT
    'balances unexplained',
    currency,
    count(),
    sum(abs(unexplained_minor)),
    toDateTime64(min(shown_at), 3, 'UTC')
FROM rpt_account_balances
WHERE status = 'unexplained'
GROUP BY currency
