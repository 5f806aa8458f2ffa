-- How many days pass until captured money is in the bank account?
-- One row for each merchant account, rail and month of the bank line: days from the day of the money to the booking day of the
-- bank line that paid it out, weighted by amount, and the longest.
-- period month: first day of the month
SELECT
    paid_out.settlement_account AS settlement_account,
    toStartOfMonth(paid_out.booked_on) AS month,
    toString(lines.card_type) AS rail,
    count() AS line_count,
    sum(toInt128(lines.signed_minor)) AS paid_out_minor,
    toString(lines.currency) AS currency,
    round(sum(dateDiff('day', lines.moved_on, paid_out.booked_on) * toFloat64(lines.signed_minor)) / sum(toFloat64(lines.signed_minor)), 1)
        AS mean_days,
    max(dateDiff('day', lines.moved_on, paid_out.booked_on)) AS longest_days
FROM fct_settlement_lines AS lines FINAL
INNER JOIN rpt_paid_out_lines AS paid_out ON paid_out.settlement_account = lines.settlement_account AND paid_out.line_id = lines.line_id
WHERE lines.term = 'captured' AND lines.signed_minor > 0
GROUP BY settlement_account, month, rail, currency
ORDER BY month DESC, settlement_account, rail
