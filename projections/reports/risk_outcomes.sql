-- What did rules of risk find of each payment, and who released it?
-- One row for each payment that a rule held, or held and a person released. `found` names each rule that was met with value and limit;
-- `said` is the person's reason. Payments that pass have no row.
-- parameter status String = all: only this status, as held or released; empty for all
-- period decided_at: when it was last decided
SELECT
    paytrace_transaction_id,
    lower(status) AS status,
    lower(rules_outcome) AS outcome,
    is_refund,
    amount_minor,
    toString(currency) AS currency,
    found,
    decided_by,
    approved_by,
    if(decided_by = '', '', detail) AS said,
    money,
    shop_orders,
    rules_version,
    held_since,
    recorded_at AS decided_at
FROM rpt_risk_now
WHERE found != '' AND ({status:String} = '' OR lower(status) = lower({status:String}))
ORDER BY rpt_risk_now.status = 'HELD' DESC, held_since, paytrace_transaction_id
