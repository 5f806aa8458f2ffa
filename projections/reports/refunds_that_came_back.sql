-- Which refunds came back, and what is owed to the customer because of them?
-- One row for each refund that was voided or returned after it was issued, the newest first. `owed_minor` is what is open now of the credit memos that
-- the refund had paid out: pay it another way, or leave it for the customer's next invoice. It is 0 where no credit memo stood behind the
-- refund (the invoice is paid as before), and once the memo is paid out again or used.
-- period came_back_on: day on which the money came back
WITH
-- Several documents on one memo count once.
owed AS
(
    SELECT
        paytrace_transaction_id,
        any(abas_customer_id) AS abas_customer_id,
        arrayStringConcat(arraySort(groupUniqArray(credit_memo)), ', ') AS credit_memos,
        sum(least(minor, open_minor)) AS owed_minor
    FROM
    (
        SELECT
            documents.paytrace_transaction_id AS paytrace_transaction_id,
            any(documents.subject) AS abas_customer_id,
            any(items.invoice_number) AS credit_memo,
            sum(toInt128(documents.amount_minor)) AS minor,
            greatest(0, -toInt128(any(items.open_minor))) AS open_minor
        FROM rpt_documents_now AS documents
        LEFT JOIN rpt_open_items_now AS items ON items.abas_open_item_id = documents.open_item
        WHERE documents.kind = 'credit_memo_refund_reversal' AND documents.state = 'posted'
        GROUP BY paytrace_transaction_id, documents.open_item
    )
    GROUP BY paytrace_transaction_id
)
SELECT
    back.value_on AS came_back_on,
    back.paytrace_transaction_id AS paytrace_transaction_id,
    owed.abas_customer_id AS abas_customer_id,
    toInt128(back.amount_minor) AS amount_minor,
    owed.owed_minor AS owed_minor,
    toString(back.currency) AS currency,
    owed.credit_memos AS credit_memos,
    back.occurred_at AS recorded_at
FROM
(
    SELECT *
    FROM fct_payment_events FINAL
    WHERE record_type = 'RefundReversed'
    ORDER BY source_partition DESC, source_offset DESC, row_index DESC
    LIMIT 1 BY paytrace_transaction_id
) AS back
LEFT JOIN owed ON owed.paytrace_transaction_id = back.paytrace_transaction_id
ORDER BY came_back_on DESC, paytrace_transaction_id
