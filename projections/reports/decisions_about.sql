-- What did people decide about one payment or entry, and why?
-- One row for each command, the oldest first, carried out or refused.
-- parameter id String: payment (transaction id) or posting reference
-- period occurred_at: when it was decided
SELECT
    occurred_at, outcome, decision, posting_reference, abas_customer_id, abas_open_item_ids, decided_by, authenticated_by,
    approved_by, reason, refused_because
FROM fct_decisions FINAL
WHERE posting_reference = {id:String}
    OR posting_reference IN (SELECT posting_reference FROM fct_entries FINAL WHERE paytrace_transaction_id = {id:String})
ORDER BY occurred_at, command_id
