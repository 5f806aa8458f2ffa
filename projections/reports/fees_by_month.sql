-- What does the processor take as fees, and how much is that of what was captured?
-- One row for each merchant account and month of the bridge: fees that the processor reported, fees that a deposit was short
-- of, what the accepted schedule expects of the latter, and all fees in hundredths of a percent of what was captured.
-- period month: first day of the month
WITH
reported AS
(
    SELECT
        settlement_account,
        toString(currency) AS currency,
        toStartOfMonth(book_on) AS month,
        sumIf(toInt128(signed_minor), term = 'captured') AS captured_minor,
        -sumIf(toInt128(signed_minor), term = 'fees') AS reported_minor,
        toInt128(0) AS kept_minor,
        toInt128(0) AS expected_minor
    FROM fct_settlement_lines FINAL
    GROUP BY settlement_account, currency, month
),
kept AS
(
    SELECT
        settlement_account,
        toString(currency) AS currency,
        toStartOfMonth(assumeNotNull(book_on)) AS month,
        toInt128(0) AS captured_minor,
        toInt128(0) AS reported_minor,
        sum(if(record_type = 'DepositUnmatched', -1, 1) * toInt128(fee_minor)) AS kept_minor,
        sum(if(record_type = 'DepositUnmatched', -1, 1) * toInt128(expected_fee_minor)) AS expected_minor
    FROM fct_deposit_events FINAL
    WHERE record_type IN ('DepositMatched', 'DepositRestExplained', 'DepositUnmatched')
    GROUP BY settlement_account, currency, month
)
SELECT
    settlement_account,
    month,
    currency,
    sum(both.captured_minor) AS captured_minor,
    sum(both.reported_minor) AS reported_fees_minor,
    sum(both.kept_minor) AS kept_fees_minor,
    sum(both.expected_minor) AS expected_of_kept_minor,
    kept_fees_minor - expected_of_kept_minor AS against_schedule_minor,
    reported_fees_minor + kept_fees_minor AS fees_minor,
    if(captured_minor = 0, NULL, toInt64(round(10000 * fees_minor / captured_minor))) AS effective_rate_bps
FROM (SELECT * FROM reported UNION ALL SELECT * FROM kept) AS both
GROUP BY settlement_account, month, currency
ORDER BY month DESC, settlement_account
