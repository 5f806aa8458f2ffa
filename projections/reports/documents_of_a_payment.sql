-- Which documents does abas hold of one payment?
-- One row for each document of the payment, the oldest first, whatever became of it.
-- parameter paytrace_transaction_id String: the transaction
SELECT
    state, kind, posting_reference, subject, amount_minor, toString(currency) AS currency, open_item, document_number, code,
    message, value_on, posted_on, asked_at
FROM rpt_documents_now
WHERE paytrace_transaction_id = {paytrace_transaction_id:String}
ORDER BY asked_at, posting_reference
