-- What moved on a merchant account in a month, from its opening to its closing balance?
-- One row for each merchant account and step: what lay between PayTrace and the bank when the month began, each kind of
-- movement in it, and what lay there at its end.
-- parameter month Date = today: any day of the month
WITH
toStartOfMonth({month:Date}) AS first_day,
toLastDayOfMonth({month:Date}) AS last_day,
lines AS
(
    SELECT settlement_account, currency, term, minor, day
    FROM rpt_deposit_bridge
    WHERE day <= last_day
),
steps AS
(
    SELECT settlement_account, currency, 0 AS step, 'opening' AS what, sumIf(minor, day < first_day) AS minor, 0 AS entry_count
    FROM lines
    GROUP BY settlement_account, currency
    UNION ALL
    SELECT
        settlement_account, currency,
        1 + indexOf(
            ['captured', 'refunded', 'returned', 'charged_back', 'fees', 'adjusted', 'rest', 'reserve', 'deposited', 'dismissed'],
            term
        ) AS step,
        term, sum(minor), count()
    FROM lines
    WHERE day >= first_day
    GROUP BY settlement_account, currency, term
    UNION ALL
    SELECT settlement_account, currency, 99, 'closing', sum(minor), 0
    FROM lines
    GROUP BY settlement_account, currency
)
SELECT settlement_account, first_day AS month, step, what, minor AS amount_minor, currency, entry_count
FROM steps
ORDER BY settlement_account, step, what
