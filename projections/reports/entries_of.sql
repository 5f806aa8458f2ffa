-- Which entries does a payment have, and how far is each?
-- One row for each entry as it stands now, in order of arrival, with the customer who has it. An entry is one document
-- that abas should hold.
-- parameter id String: payment (transaction id) or posting reference
-- period occurred_at: when it happened last
SELECT
    posting_reference,
    record_type AS last_event,
    abas_customer_id,
    paytrace_transaction_id,
    direction,
    signed_minor,
    currency,
    abas_open_item_id,
    reason,
    detail,
    first_at,
    occurred_at
FROM rpt_entries_now
WHERE {id:String} IN (posting_reference, paytrace_transaction_id)
    AND NOT (record_type = 'EntryMoved' AND moved_to != abas_customer_id)
ORDER BY first_at, posting_reference
