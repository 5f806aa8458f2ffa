-- The credit memo that a refund had paid out is open again: the customer is owed it.
SELECT
    'refunds that came back',
    toString(any(documents.currency)),
    uniqExact(documents.paytrace_transaction_id),
    sum(least(toInt128(documents.amount_minor), -toInt128(items.open_minor))),
    toDateTime64(min(documents.recorded_at), 3, 'UTC')
FROM rpt_documents_now AS documents
INNER JOIN rpt_open_items_now AS items ON items.abas_open_item_id = documents.open_item
WHERE documents.kind = 'credit_memo_refund_reversal' AND documents.state = 'posted' AND items.open_minor < 0
GROUP BY documents.currency
