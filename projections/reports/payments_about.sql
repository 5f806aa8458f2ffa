-- Which payments belong to one invoice, customer, order, subscription, dispute or bank line?
-- One row for each payment or refund as it stands, the newest first, 200 at most.
-- parameter kind String: invoice, customer, order, subscription, dispute or bank_line
-- parameter id String: invoice number or open item; customer number; shop/order; vault customer/subscription; account/dispute; account/bank line
WITH
items AS
(
    SELECT abas_open_item_id FROM fct_open_items FINAL
    WHERE {kind:String} = 'invoice' AND (upperUTF8(invoice_number) = upperUTF8({id:String}) OR abas_open_item_id = {id:String})
),
found AS
(
    SELECT paytrace_transaction_id FROM fct_entries FINAL
    WHERE abas_open_item_id IN items OR ({kind:String} = 'customer' AND abas_customer_id = {id:String})
    UNION DISTINCT
    SELECT paytrace_transaction_id FROM fct_observations FINAL
    WHERE {kind:String} = 'invoice' AND upperUTF8(invoice_number) = upperUTF8({id:String})
    UNION DISTINCT
    SELECT paytrace_transaction_id FROM fct_orders FINAL
    WHERE {kind:String} = 'order' AND shop_order = {id:String}
    UNION DISTINCT
    SELECT paytrace_transaction_id FROM fct_subscription_runs FINAL
    WHERE {kind:String} = 'subscription' AND concat(vault_customer_id, '/', subscription_id) = {id:String}
    UNION DISTINCT
    SELECT paytrace_transaction_id FROM fct_dispute_events FINAL
    WHERE {kind:String} = 'dispute' AND concat(settlement_account, '/', dispute_id) = {id:String}
    UNION DISTINCT
    SELECT arrayJoin(arrayMap(line -> splitByChar(':', line)[1], line_ids)) FROM rpt_bank_lines_now
    WHERE {kind:String} = 'bank_line' AND concat(settlement_account, '/', bank_line_id) = {id:String}
)
SELECT
    paytrace_transaction_id,
    state,
    toString(currency) AS currency,
    amount_minor,
    captured_minor,
    refunded_minor,
    charged_back_minor,
    net_minor,
    opened_on
FROM fct_payments
WHERE paytrace_transaction_id != '' AND paytrace_transaction_id IN found
ORDER BY opened_on DESC, paytrace_transaction_id
LIMIT 200
