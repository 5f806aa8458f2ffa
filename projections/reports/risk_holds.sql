-- Which payments do rules of risk hold now, why, and since when?
-- One row for each payment that a person has to decide about, the oldest first. `money` says where it is: held back, none yet (only authorized), or with
-- its customer already: found late, and nothing is taken back by itself. `saldo decide release-hold` lets one go on (docs/risk.md).
SELECT
    paytrace_transaction_id,
    is_refund,
    amount_minor,
    toString(currency) AS currency,
    lower(outcome) AS outcome,
    detail AS found,
    money,
    shop_orders,
    held_since
FROM rpt_risk_now
WHERE status = 'HELD'
ORDER BY held_since, paytrace_transaction_id
