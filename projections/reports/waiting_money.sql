-- Which money waits, where, and why?
-- One row for each entry or movement that should be in abas and is not yet, and for each transaction that PayTrace
-- holds in words or amounts that can't be read (waits_in payments), longest waiting first.
-- period waiting_since: since when it waits
SELECT *
FROM
(
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
    UNION ALL
    SELECT
        waiting_since, 'payments', toString(reason), detail, paytrace_transaction_id, '', '', invoice_number, signed_minor,
        toString(currency), toString(source_topic), source_partition, source_offset
    FROM rpt_unrecognized_now
)
ORDER BY waiting_since, paytrace_transaction_id, posting_reference
