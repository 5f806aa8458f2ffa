-- Which documents does abas hold of one invoice, customer, order, subscription, dispute or bank line?
-- One row for each document, the newest first, 200 at most, whatever became of it.
-- parameter kind String: invoice, customer, order, subscription, dispute or bank_line
-- parameter id String: invoice number or open item; customer number; shop/order; vault customer/subscription; account/dispute; account/bank line
WITH
items AS
(
    SELECT abas_open_item_id FROM fct_open_items FINAL
    WHERE {kind:String} = 'invoice' AND (upperUTF8(invoice_number) = upperUTF8({id:String}) OR abas_open_item_id = {id:String})
),
payments AS
(
    SELECT paytrace_transaction_id FROM fct_orders FINAL
    WHERE {kind:String} = 'order' AND shop_order = {id:String} AND paytrace_transaction_id != ''
    UNION DISTINCT
    SELECT paytrace_transaction_id FROM fct_subscription_runs FINAL
    WHERE {kind:String} = 'subscription' AND concat(vault_customer_id, '/', subscription_id) = {id:String}
        AND paytrace_transaction_id != ''
),
found AS
(
    SELECT posting_reference FROM fct_documents FINAL
    WHERE open_item IN items
        OR paytrace_transaction_id IN payments
        OR ({kind:String} = 'customer' AND abas_customer_id = {id:String})
        OR ({kind:String} = 'dispute' AND dispute_id != '' AND concat(settlement_account, '/', dispute_id) = {id:String})
        OR ({kind:String} = 'bank_line' AND subject != '' AND concat(settlement_account, '/', subject) = {id:String})
)
SELECT
    state, kind, posting_reference, subject, amount_minor, toString(currency) AS currency, open_item, document_number, code,
    message, value_on, posted_on, asked_at
FROM rpt_documents_now
WHERE posting_reference IN found
ORDER BY asked_at DESC, posting_reference
LIMIT 200
