-- Is every cent that PayTrace holds in abas, or waiting, or parked?
-- One row for each currency. net = captured - refunded - voided - returned - charged back must be posted + waiting +
-- parked + what was handed over to finance, and residual, what is left over, must be 0. A chargeback waits with a minus
-- until abas holds its document, then it is posted with a minus. Behind it stands what explains a residual: money still on its
-- way between two contexts, and money that an operator discarded. Unexplained money is lost or doubled. Beside the bridge
-- stands what PayTrace holds in words or amounts that can't be read: how many transactions, and what they come to as far
-- as their amounts can be read. Nothing of it is proved, so it is no part of captured; `saldo waiting` lists it.
SELECT
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
    net_minor - posted_minor - waiting_minor - parked_minor - handed_over_minor AS residual_minor,
    sumIf(minor, term = 'on_the_way') AS on_the_way_minor,
    sumIf(minor, term = 'discarded') AS discarded_minor,
    residual_minor - on_the_way_minor - discarded_minor AS unexplained_minor,
    sumIf(minor, term = 'unrecognized') AS unrecognized_minor,
    countIf(term = 'unrecognized') AS unrecognized_count
FROM
(
    SELECT term, minor, toString(currency) AS currency FROM rpt_money
    UNION ALL
    SELECT 'unrecognized', toInt128(signed_minor), toString(currency) FROM rpt_unrecognized_now
)
GROUP BY currency
ORDER BY currency
