-- Which records are there about one invoice, customer, order, subscription, dispute or bank line?
-- One row for each record, oldest first, the newest 500 of them; body is the record as JSON. The workbench puts them into words.
-- parameter kind String: invoice, customer, order, subscription, dispute or bank_line
-- parameter id String: invoice number or open item; customer number; shop/order; vault customer/subscription; account/dispute; account/bank line
-- period occurred_at: when it happened
WITH
items AS
(
    SELECT abas_open_item_id FROM fct_open_items FINAL
    WHERE {kind:String} = 'invoice' AND (upperUTF8(invoice_number) = upperUTF8({id:String}) OR abas_open_item_id = {id:String})
),
places AS
(
    SELECT toString(source_topic) AS topic, source_partition AS number, source_offset AS position FROM fct_open_items FINAL
    WHERE abas_open_item_id IN items OR ({kind:String} = 'customer' AND abas_customer_id = {id:String})
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_entries FINAL
    WHERE abas_open_item_id IN items OR ({kind:String} = 'customer' AND abas_customer_id = {id:String})
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_decisions FINAL
    WHERE arrayExists(item -> item IN items, abas_open_item_ids) OR ({kind:String} = 'customer' AND abas_customer_id = {id:String})
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_documents FINAL
    WHERE open_item IN items
        OR ({kind:String} = 'customer' AND abas_customer_id = {id:String})
        OR ({kind:String} = 'dispute' AND dispute_id != '' AND concat(settlement_account, '/', dispute_id) = {id:String})
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_customer_links FINAL
    WHERE {kind:String} = 'customer' AND abas_customer_id = {id:String}
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_orders FINAL
    WHERE {kind:String} = 'order' AND shop_order = {id:String}
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_subscriptions FINAL
    WHERE {kind:String} = 'subscription' AND concat(vault_customer_id, '/', subscription_id) = {id:String}
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_subscription_runs FINAL
    WHERE {kind:String} = 'subscription' AND concat(vault_customer_id, '/', subscription_id) = {id:String}
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_dispute_events FINAL
    WHERE {kind:String} = 'dispute' AND concat(settlement_account, '/', dispute_id) = {id:String}
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_dispute_deadlines FINAL
    WHERE {kind:String} = 'dispute' AND concat(settlement_account, '/', dispute_id) = {id:String}
    UNION DISTINCT
    SELECT toString(source_topic), source_partition, source_offset FROM fct_deposit_events FINAL
    WHERE {kind:String} = 'bank_line' AND concat(settlement_account, '/', bank_line_id) = {id:String}
)
SELECT
    recorded_at, occurred_at, paytrace_transaction_id, toString(record_type) AS record_type, posting_reference, abas_customer_id, amount_minor,
    toString(currency) AS currency, body, toString(source_topic) AS source_topic, source_partition, source_offset,
    if(upstream_topic = '', '', concat(upstream_topic, '/', toString(upstream_partition), '/', toString(upstream_offset)))
        AS caused_by
FROM
(
    SELECT *
    FROM fct_records FINAL
    WHERE (toString(source_topic), source_partition, source_offset) IN places
    ORDER BY recorded_at DESC, source_topic, source_partition, source_offset DESC
    LIMIT 500
)
ORDER BY recorded_at, source_topic, source_partition, source_offset, row_index
