-- Which runs of subscriptions are expected, paid, missed or declined, and which receipt has each?
-- One row for each run, those that need somebody first, then by day. `receipt` is the document in abas, or how the payment stands.
-- parameter subscription String = all: only this one, as C-1001/S-77; empty for all
-- parameter status String = all: only this status, as missed; empty for all
-- period due_on: when the run was due
SELECT
    concat(runs.vault_customer_id, '/', runs.subscription_id) AS subscription,
    assumeNotNull(runs.due_on) AS due_on,
    replaceAll(lower(toString(runs.status)), '_', ' ') AS status,
    runs.amount_minor AS amount_minor,
    runs.prorated_minor AS prorated_minor,
    toString(runs.currency) AS currency,
    runs.attempt_count AS attempts,
    runs.next_try_on AS next_try_on,
    runs.paytrace_transaction_id AS paytrace_transaction_id,
    toString(runs.linked_by) AS linked_by,
    documents.receipt AS receipt,
    runs.why AS why
FROM rpt_subscription_runs_now AS runs
LEFT JOIN
(
    SELECT
        paytrace_transaction_id,
        arrayStringConcat(groupUniqArray(if(document_number = '', posting_reference, document_number)), ', ') AS receipt
    FROM rpt_documents_now
    WHERE paytrace_transaction_id != '' AND kind = 'cash_receipt'
    GROUP BY paytrace_transaction_id
) AS documents ON documents.paytrace_transaction_id = runs.paytrace_transaction_id
    AND runs.paytrace_transaction_id != ''
WHERE ({subscription:String} = '' OR subscription = {subscription:String})
    AND ({status:String} = '' OR status = {status:String})
ORDER BY runs.status IN ('MISSED', 'NEEDS_CARD', 'NEEDS_PERSON') DESC, due_on, subscription
