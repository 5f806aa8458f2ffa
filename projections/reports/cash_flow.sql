-- How much money comes in, day by day, behind and ahead?
-- One row for each day and currency. Behind lies what the bank booked: deposits, and what customers paid in themselves. Ahead lies what is settled and on its way, on the day
-- that deposits took on average so far, and what customers owe, on its due date; what is overdue on either stands today.
-- parameter as_of Date = today: the day in the middle
-- period day: day
WITH
{as_of:Date} AS today,
usual AS
(
    SELECT toInt32(ifNull(ceil(avgOrNull(dateDiff('day', lines.moved_on, paid_out.booked_on))), 2)) AS days
    FROM fct_settlement_lines AS lines FINAL
    INNER JOIN rpt_paid_out_lines AS paid_out ON paid_out.settlement_account = lines.settlement_account AND paid_out.line_id = lines.line_id
),
flows AS
(
    SELECT moved_on AS day, toString(currency) AS currency, toInt128(signed_minor) AS came, toInt128(0) AS on_its_way, toInt128(0) AS owed, toInt128(0) AS transferred
    FROM fct_settlement_lines FINAL
    WHERE term = 'deposited' AND moved_on BETWEEN today - 30 AND today
    UNION ALL
    SELECT
        greatest(moved_on + (SELECT days FROM usual), today), toString(currency), 0, toInt128(signed_minor), 0, 0
    FROM fct_settlement_lines FINAL
    WHERE term != 'deposited' AND (settlement_account, line_id) NOT IN (SELECT settlement_account, line_id FROM rpt_paid_out_lines)
    UNION ALL
    SELECT greatest(assumeNotNull(due_on), today), toString(currency), 0, 0, toInt128(open_minor), 0
    FROM rpt_open_items_now
    WHERE is_open AND due_on IS NOT NULL
    UNION ALL
    SELECT assumeNotNull(value_on), toString(currency), 0, 0, 0, if(term = 'captured', 1, -1) * toInt128(term_minor)
    FROM fct_payment_events FINAL
    WHERE method = 'BANK_TRANSFER' AND term IN ('captured', 'refunded', 'returned') AND value_on BETWEEN today - 30 AND today
)
SELECT
    day,
    sum(came) AS deposited_minor,
    sum(transferred) AS transfers_minor,
    sum(on_its_way) AS deposits_due_minor,
    sum(owed) AS open_items_due_minor,
    currency
FROM flows
WHERE day BETWEEN today - 30 AND today + 30
GROUP BY day, currency
ORDER BY day, currency
