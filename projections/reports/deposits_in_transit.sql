-- What has PayTrace settled that no bank line has paid out yet, and for how long?
-- One row for each merchant account, day of the money and batch, the oldest first. The sum of an account is the balance of its
-- clearing that the bank still owes; money that is refunded, charged back or kept as fee stands with a minus.
-- parameter today Date = today: days are counted up to this day
-- period moved_on: day of the money
SELECT
    settlement_account,
    moved_on,
    batch_number,
    count() AS line_count,
    sum(toInt128(signed_minor)) AS in_transit_minor,
    toString(currency) AS currency,
    dateDiff('day', moved_on, {today:Date}) AS days
FROM fct_settlement_lines AS lines FINAL
WHERE term != 'deposited' AND (settlement_account, line_id) NOT IN (SELECT settlement_account, line_id FROM rpt_paid_out_lines)
GROUP BY settlement_account, moved_on, batch_number, currency
ORDER BY moved_on, settlement_account, batch_number
