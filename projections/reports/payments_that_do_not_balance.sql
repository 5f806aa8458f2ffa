-- Which payments make the residual?
-- One row for each transaction whose own lines don't close, largest first; none when nothing is lost or doubled. Run
-- story_of_one_payment with its id to see the records.
-- period since: when the money moved
SELECT
    paytrace_transaction_id,
    currency,
    min(money_at) AS since,
    sumIf(minor, term = 'captured') - sumIf(minor, term IN ('refunded', 'voided', 'returned', 'charged_back')) AS net_minor,
    sumIf(minor, term = 'posted') AS posted_minor,
    sumIf(minor, term = 'waiting') AS waiting_minor,
    sumIf(minor, term = 'parked') AS parked_minor,
    sumIf(minor, term = 'handed_over') AS handed_over_minor,
    sumIf(minor, term = 'netted') AS netted_minor,
    net_minor - posted_minor - waiting_minor - parked_minor - handed_over_minor - netted_minor AS residual_minor,
    sumIf(minor, term = 'on_the_way') AS on_the_way_minor,
    sumIf(minor, term = 'discarded') AS discarded_minor
FROM rpt_money
GROUP BY paytrace_transaction_id, currency
HAVING residual_minor != 0
ORDER BY abs(residual_minor) DESC, paytrace_transaction_id
