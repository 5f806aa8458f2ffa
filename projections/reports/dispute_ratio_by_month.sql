-- How many disputes come for each hundred payments, and how many are won?
-- One row for each month and currency: disputes by the day on which they were opened, payments by their value date. Rates are
-- hundredths of a percent; requests for papers are not counted. Null where nothing was captured, or no dispute has ended.
SELECT
    month,
    currency,
    sum(payments) AS payment_count,
    sum(captured) AS captured_minor,
    sum(cases) AS dispute_count,
    sum(disputed) AS disputed_minor,
    if(payment_count = 0, NULL, toInt32(intDiv(10000 * dispute_count, payment_count))) AS count_ratio_bps,
    if(captured_minor = 0, NULL, toInt32(intDiv(10000 * disputed_minor, captured_minor))) AS amount_ratio_bps,
    sum(won) AS won_count,
    sum(lost) AS lost_count,
    if(won_count + lost_count = 0, NULL, toInt32(intDiv(10000 * won_count, won_count + lost_count))) AS win_rate_bps
FROM
(
    SELECT
        toStartOfMonth(opened_on) AS month, toString(currency) AS currency, toInt64(0) AS payments, toInt128(0) AS captured,
        toInt64(count()) AS cases, sum(toInt128(disputed_minor)) AS disputed,
        toInt64(countIf(outcome = 'won')) AS won, toInt64(countIf(outcome = 'lost')) AS lost
    FROM rpt_dispute_cases
    WHERE is_chargeback
    GROUP BY month, currency
    UNION ALL
    SELECT
        toStartOfMonth(value_on), toString(currency), toInt64(count()), sum(toInt128(amount_minor)),
        toInt64(0), toInt128(0), toInt64(0), toInt64(0)
    FROM fct_payment_events FINAL
    WHERE record_type = 'PaymentCaptured'
    GROUP BY 1, 2
)
GROUP BY month, currency
ORDER BY month, currency
