-- Which subscriptions are there, and how do they stand?
-- One row for each, those with runs that need somebody first. `charged_by` is PayTrace or Saldo. `credit_minor` is what the days after an end
-- within a period come to; nothing of it is paid back by itself.
-- parameter subscription String = all: only this one, as C-1001/S-77; empty for all
SELECT
    concat(subscriptions.vault_customer_id, '/', subscriptions.subscription_id) AS subscription,
    lower(toString(subscriptions.status)) AS status,
    if(subscriptions.is_of_paytrace = 1, 'PayTrace', 'Saldo') AS charged_by,
    subscriptions.amount_minor AS amount_minor,
    subscriptions.credit_minor AS credit_minor,
    toString(subscriptions.currency) AS currency,
    replaceAll(lower(toString(subscriptions.frequency)), '_', ' ') AS frequency,
    subscriptions.next_due_on AS next_due_on,
    runs.paid AS runs_paid,
    runs.unpaid AS runs_to_look_at,
    subscriptions.description AS description
FROM rpt_subscriptions_now AS subscriptions
LEFT JOIN
(
    SELECT
        vault_customer_id,
        subscription_id,
        countIf(status IN ('PAID', 'PAID_OTHERWISE')) AS paid,
        countIf(status IN ('MISSED', 'NEEDS_CARD', 'NEEDS_PERSON')) AS unpaid
    FROM rpt_subscription_runs_now
    GROUP BY vault_customer_id, subscription_id
) AS runs ON runs.vault_customer_id = subscriptions.vault_customer_id
    AND runs.subscription_id = subscriptions.subscription_id
WHERE {subscription:String} IN ('', subscription)
ORDER BY runs_to_look_at DESC, subscription
