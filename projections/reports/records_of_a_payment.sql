-- Which records are there about one payment?
-- One row for each record about the transaction or a refund of it, oldest first; body is the record as JSON. The workbench
-- puts them into words; story_of_one_payment is the same in short.
-- parameter paytrace_transaction_id String: the transaction
-- period occurred_at: when it happened
SELECT
    recorded_at, occurred_at, paytrace_transaction_id, record_type, posting_reference, abas_customer_id, amount_minor,
    toString(currency) AS currency, body, toString(source_topic) AS source_topic, source_partition, source_offset,
    if(upstream_topic = '', '', concat(upstream_topic, '/', toString(upstream_partition), '/', toString(upstream_offset)))
        AS caused_by
FROM fct_records FINAL
WHERE paytrace_transaction_id = {paytrace_transaction_id:String}
    OR (paytrace_transaction_id != '' AND paytrace_transaction_id IN
        (
            SELECT refund_transaction_id
            FROM fct_records FINAL
            WHERE paytrace_transaction_id = {paytrace_transaction_id:String} AND refund_transaction_id != ''
        ))
ORDER BY recorded_at, source_topic, source_partition, source_offset, row_index
