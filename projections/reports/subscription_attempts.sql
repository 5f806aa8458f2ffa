-- How often was each run of a subscription charged by us, when, and what came of it?
-- One row for each charge, newest first. Charges that PayTrace makes by itself are payments like any other (`subscription_runs`).
-- parameter subscription String = all: only this one, as C-1001/S-77; empty for all
-- period asked_at: when it was asked
SELECT
    concat(asked.vault_customer_id, '/', asked.subscription_id) AS subscription,
    asked.due_on AS due_on,
    asked.attempt_count AS attempt,
    if(asked.is_by_person = 1, 'a person', 'the rule') AS asked_by,
    asked.occurred_at AS asked_at,
    asked.amount_minor AS amount_minor,
    toString(asked.currency) AS currency,
    if(ended.call_reference = '', 'open', lower(toString(ended.status))) AS outcome,
    ended.paytrace_transaction_id AS paytrace_transaction_id,
    ended.why AS answer,
    asked.call_reference AS call_reference
FROM (SELECT * FROM fct_subscription_runs FINAL WHERE record_type = 'RunChargeAsked') AS asked
LEFT JOIN (SELECT * FROM fct_subscription_runs FINAL WHERE record_type = 'RunChargeEnded') AS ended
    ON ended.call_reference = asked.call_reference
WHERE {subscription:String} = '' OR subscription = {subscription:String}
ORDER BY asked_at DESC, call_reference
