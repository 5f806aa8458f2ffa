-- On which day does the bridge not close?
-- One row for each day and currency. A line falls on the value date of its money, a business day in the merchant's
-- zone, however late it was seen or posted; it is the day that abas shows.
-- Receipts and reversals that cancelled out before posting (netted) may belong to two days, so they stand in the
-- bridge here; over all days they come to 0. Unrecognized is beside the bridge, as in bridge_by_currency.
-- period day: value date
SELECT
    value_on AS day,
    currency,
    sumIf(minor, term = 'captured') AS captured_minor,
    sumIf(minor, term = 'refunded') AS refunded_minor,
    sumIf(minor, term = 'voided') AS voided_minor,
    sumIf(minor, term = 'returned') AS returned_minor,
    sumIf(minor, term = 'charged_back') AS charged_back_minor,
    captured_minor - refunded_minor - voided_minor - returned_minor - charged_back_minor AS net_minor,
    sumIf(minor, term = 'posted') AS posted_minor,
    sumIf(minor, term = 'waiting') AS waiting_minor,
    sumIf(minor, term = 'parked') AS parked_minor,
    sumIf(minor, term = 'handed_over') AS handed_over_minor,
    sumIf(minor, term = 'netted') AS netted_minor,
    net_minor - posted_minor - waiting_minor - parked_minor - handed_over_minor - netted_minor AS residual_minor,
    sumIf(minor, term = 'on_the_way') AS on_the_way_minor,
    sumIf(minor, term = 'discarded') AS discarded_minor,
    residual_minor - on_the_way_minor - discarded_minor AS unexplained_minor,
    sumIf(minor, term = 'unrecognized') AS unrecognized_minor,
    countIf(term = 'unrecognized') AS unrecognized_count
FROM
(
    SELECT term, minor, toString(currency) AS currency, value_on FROM rpt_money
    UNION ALL
    SELECT 'unrecognized', toInt128(signed_minor), toString(currency), waiting_on
    FROM rpt_unrecognized_now
)
GROUP BY day, currency
ORDER BY day, currency
