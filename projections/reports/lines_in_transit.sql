-- Which lines may a bank line pay out that nothing has paid out yet?
-- One row for each line between gateway and bank that no bank line has paid out, the newest day first, 2,000 at most. `amount` has the sign
-- with which it counts for the bank: refunds, fees and chargebacks stand with a minus.
-- parameter settlement_account String: merchant account and currency, such as main/USD
-- parameter until Date = today: lines up to this day
-- period moved_on: day of the money
SELECT
    line_id, moved_on, batch_number, kind, signed_minor AS amount_minor, toString(currency) AS currency,
    paytrace_transaction_id, text
FROM fct_settlement_lines AS lines FINAL
WHERE settlement_account = {settlement_account:String} AND moved_on <= {until:Date} AND term != 'deposited'
    AND (settlement_account, line_id) NOT IN (SELECT settlement_account, line_id FROM rpt_paid_out_lines)
ORDER BY moved_on DESC, batch_number, line_id
LIMIT 2000
