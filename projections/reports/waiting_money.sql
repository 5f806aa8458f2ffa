-- Which money waits, where, and why?
-- One row for each entry or movement that should be in abas and is not yet, longest waiting first.
SELECT
    waiting_since,
    waits_in,
    reason,
    detail,
    paytrace_transaction_id,
    posting_reference,
    abas_customer_id,
    invoice_number,
    signed_minor,
    currency,
    source_topic,
    source_partition,
    source_offset
FROM fct_waiting
ORDER BY waiting_since, paytrace_transaction_id, posting_reference
