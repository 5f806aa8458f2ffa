-- Where is the money of one payment?
-- One row for each currency of the payment: the terms of bridge_by_currency for it alone.
-- parameter paytrace_transaction_id String: the transaction
SELECT
    toString(currency) AS currency,
    sumIf(minor, term = 'captured') AS captured_minor,
    sumIf(minor, term = 'refunded') AS refunded_minor,
    sumIf(minor, term = 'voided') AS voided_minor,
    sumIf(minor, term = 'returned') AS returned_minor,
    sumIf(minor, term = 'charged_back') AS charged_back_minor,
    sumIf(minor, term = 'posted') AS posted_minor,
    sumIf(minor, term = 'waiting') AS waiting_minor,
    sumIf(minor, term = 'parked') AS parked_minor,
    sumIf(minor, term = 'handed_over') AS handed_over_minor,
    sumIf(minor, term = 'on_the_way') AS on_the_way_minor,
    sumIf(minor, term = 'discarded') AS discarded_minor,
    sumIf(minor, term = 'netted') AS netted_minor,
    captured_minor - refunded_minor - voided_minor - returned_minor - charged_back_minor - posted_minor - waiting_minor
        - parked_minor - handed_over_minor - on_the_way_minor - discarded_minor - netted_minor AS unexplained_minor
FROM rpt_money
WHERE paytrace_transaction_id = {paytrace_transaction_id:String}
GROUP BY currency
ORDER BY currency
