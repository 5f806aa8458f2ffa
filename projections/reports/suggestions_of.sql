-- What was ever suggested for this payment, and under which code?
-- One row for each content that was suggested, newest first; is_last marks those of the newest decision.
-- parameter id String: payment (transaction id) or posting reference
-- period suggested_at: when it was suggested
WITH
published AS
(
    SELECT *
    FROM fct_suggestions FINAL
    WHERE {id:String} IN (posting_reference, paytrace_transaction_id)
),
newest AS
(
    SELECT posting_reference, max(source_offset) AS begun_at
    FROM published
    WHERE suggestion_number = 1
    GROUP BY posting_reference
)
SELECT
    published.suggestion_code AS suggestion_code,
    published.posting_reference AS posting_reference,
    any(published.abas_customer_id) AS abas_customer_id,
    any(published.paytrace_transaction_id) AS paytrace_transaction_id,
    any(published.abas_open_item_ids) AS abas_open_item_ids,
    any(published.invoice_numbers) AS invoice_numbers,
    any(published.part_amounts) AS part_amounts,
    toString(any(published.currency)) AS currency,
    max(published.source_offset >= newest.begun_at) AS is_last,
    max(published.occurred_at) AS suggested_at
FROM published
INNER JOIN newest ON newest.posting_reference = published.posting_reference
GROUP BY suggestion_code, posting_reference
ORDER BY suggested_at DESC, posting_reference, suggestion_code
