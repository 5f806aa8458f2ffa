-- What is known under this id?
-- One row for each thing of that id, whatever kind of id it is; `paytrace_transaction_id` leads to the payment's story.
-- parameter id String: an id of any kind, or the coordinates of a record: topic/partition/offset
WITH
    upperUTF8({id:String}) AS number,
    replaceAll({id:String}, ' ', '/') AS place,
    arrayMap(prefix -> concat(prefix, {id:String}), ['vault:', 'invoice:', 'order:'])
        || arrayMap(prefix -> concat(prefix, upperUTF8({id:String})), ['invoice:', 'order:']) || [{id:String}] AS tokens
SELECT kind, id, what, amount_minor, currency, paytrace_transaction_id, settlement_account, source_topic, source_partition, source_offset
FROM
(
    SELECT 'payment' AS kind, paytrace_transaction_id AS id, toString(any(raw_status)) AS what,
        toInt128(any(amount_minor)) AS amount_minor, toString(any(currency)) AS currency, paytrace_transaction_id,
        '' AS settlement_account, toString(any(source_topic)) AS source_topic, any(source_partition) AS source_partition,
        max(source_offset) AS source_offset
    FROM fct_observations FINAL
    WHERE paytrace_transaction_id = {id:String} OR upperUTF8(invoice_number) = number
        OR has(tokens, concat('vault:', vault_customer_id))
    GROUP BY paytrace_transaction_id
    UNION ALL
    SELECT 'payment', paytrace_transaction_id, toString(max(record_type)), toInt128(max(amount_minor)),
        toString(max(currency)), paytrace_transaction_id, '', toString(max(source_topic)), max(source_partition),
        max(source_offset)
    FROM fct_payment_events FINAL
    WHERE {id:String} IN (paytrace_transaction_id, refund_transaction_id)
        AND paytrace_transaction_id NOT IN (SELECT paytrace_transaction_id FROM fct_observations)
    GROUP BY paytrace_transaction_id
    UNION ALL
    SELECT 'posting', posting_reference, concat(toString(record_type), if(invoice_number = '', '', concat(', invoice ', invoice_number))),
        toInt128(signed_minor), toString(currency), paytrace_transaction_id, '', toString(source_topic), source_partition,
        source_offset
    FROM rpt_entries_now
    WHERE {id:String} IN (posting_reference, abas_customer_id, abas_open_item_id) OR upperUTF8(invoice_number) = number
        OR (abas_document_number != '' AND abas_document_number = {id:String})
    UNION ALL
    SELECT 'open item', abas_open_item_id,
        concat('invoice ', invoice_number, ' of customer ', abas_customer_id, if(is_open, ', open', ', closed')),
        toInt128(open_minor), toString(currency), '', '', toString(source_topic), source_partition, source_offset
    FROM rpt_open_items_now
    WHERE {id:String} IN (abas_open_item_id, abas_customer_id) OR upperUTF8(invoice_number) = number
    UNION ALL
    SELECT 'customer', abas_customer_id, concat(toString(countIf(is_open)), ' open invoices'), CAST(NULL AS Nullable(Int128)), '', '', '',
        toString(any(source_topic)), any(source_partition), max(source_offset)
    FROM rpt_open_items_now
    WHERE abas_customer_id = {id:String}
    GROUP BY abas_customer_id
    UNION ALL
    SELECT 'order', shop_order, concat('number ', order_number, ', ', shop_status), toInt128(total_minor), order_currency, '', '', '', 0, 0
    FROM rpt_orders_now
    WHERE {id:String} IN (shop_order, order_number, sales_order)
    UNION ALL
    SELECT 'subscription', concat(vault_customer_id, '/', subscription_id), lower(toString(status)), toInt128(amount_minor), toString(currency), '', '',
        toString(source_topic), source_partition, source_offset
    FROM rpt_subscriptions_now
    WHERE {id:String} IN (vault_customer_id, subscription_id, concat(vault_customer_id, '/', subscription_id))
    UNION ALL
    SELECT 'way to its customer', movement_id, concat(toString(record_type), ' by ', token), toInt128(signed_minor),
        toString(currency), paytrace_transaction_id, '', toString(source_topic), source_partition, source_offset
    FROM fct_movements FINAL
    WHERE movement_id = {id:String} OR has(tokens, token)
    UNION ALL
    SELECT 'bank line', bank_line_id, concat(toString(status), if(text = '', '', concat(', ', text))), toInt128(deposit_minor),
        toString(currency), '', toString(settlement_account), toString(source_topic), source_partition, source_offset
    FROM rpt_bank_lines_now
    WHERE bank_line_id = {id:String} OR has(line_ids, {id:String}) OR toString(batch_number) = {id:String}
        OR (suggestion_code != '' AND suggestion_code = number)
    UNION ALL
    SELECT 'settlement line', line_id, concat(toString(kind), ' of ', toString(moved_on)), toInt128(signed_minor), toString(currency),
        paytrace_transaction_id, '', toString(source_topic), source_partition, source_offset
    FROM fct_settlement_lines FINAL
    WHERE term != 'deposited' AND (line_id = {id:String} OR toString(batch_number) = {id:String})
    UNION ALL
    SELECT 'batch', batch_id, concat('number ', toString(batch_number), ', settled ', toString(settled_on)),
        toInt128(net_minor), toString(currency), '', '', toString(source_topic), source_partition, source_offset
    FROM fct_settlement_batches FINAL
    WHERE batch_id = {id:String} OR toString(batch_number) = {id:String}
    ORDER BY source_offset DESC
    LIMIT 1 BY batch_id
    UNION ALL
    SELECT 'dispute', dispute_id, concat(raw_stage, if(reason_code = '', '', concat(', reason code ', reason_code))),
        toInt128(-amount_minor), toString(currency), paytrace_transaction_id, toString(settlement_account),
        toString(source_topic), source_partition, source_offset
    FROM fct_dispute_events FINAL
    WHERE dispute_id = {id:String}
    ORDER BY source_offset DESC
    LIMIT 1 BY settlement_account, dispute_id
    UNION ALL
    SELECT 'parked record', concat(toString(inbox_topic), '/', toString(inbox_partition), '/', toString(inbox_offset)),
        concat(toString(state), ', ', toString(error_type), ': ', message), toInt128(signed_minor), toString(currency),
        paytrace_transaction_id, '', toString(source_topic), source_partition, source_offset
    FROM fct_parked
    WHERE place = concat(toString(inbox_topic), '/', toString(inbox_partition), '/', toString(inbox_offset))
        OR {id:String} IN (record_key, posting_reference, abas_customer_id)
    UNION ALL
    SELECT 'record', concat(toString(source_topic), '/', toString(source_partition), '/', toString(source_offset)),
        concat(toString(record_type), ' of key ', record_key), CAST(NULL AS Nullable(Int128)), '', '', '', toString(source_topic), source_partition, source_offset
    FROM fct_records FINAL
    WHERE place = concat(toString(source_topic), '/', toString(source_partition), '/', toString(source_offset))
        OR (has(tokens, record_key) AND record_type IN ('CustomerReferenced', 'OpenItemReferenced', 'ReferenceLearned',
            'RememberReference', 'ForgetReference'))
)
ORDER BY indexOf(['payment', 'customer', 'order', 'subscription', 'posting', 'open item', 'bank line', 'batch', 'settlement line', 'dispute', 'parked record',
    'way to its customer', 'record'], kind), id, source_offset
LIMIT 500
