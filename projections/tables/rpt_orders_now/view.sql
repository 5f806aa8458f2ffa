CREATE OR REPLACE VIEW rpt_orders_now AS
SELECT
    shop_order,
    argMaxIf(reference, source_offset, step IN ('placed in the shop', 'changed in the shop')) AS order_number,
    argMaxIf(toString(status), source_offset, step IN ('placed in the shop', 'changed in the shop')) AS shop_status,
    argMaxIf(amount_minor, source_offset, step IN ('placed in the shop', 'changed in the shop')) AS total_minor,
    argMaxIf(toString(currency), source_offset, step IN ('placed in the shop', 'changed in the shop')) AS order_currency,
    argMaxIf(paytrace_transaction_id, source_offset, step = 'payment') AS paid_by_transaction_id,
    argMaxIf(toString(status), source_offset, step = 'payment') AS payment_status,
    argMaxIf(reference, source_offset, step = 'sales order asked') AS abas_customer_id,
    argMaxIf(reference, source_offset, step = 'sales order') AS sales_order,
    arrayStringConcat(arrayDistinct(groupArrayIf(reference, step = 'money booked')), ', ') AS documents,
    argMaxIf(toString(status), source_offset, step = 'shop asked' AND status != 'note') AS asked_of_shop,
    if(countIf(step = 'decided' AND status = 'LEAVE_OUT') > 0, '',
        argMaxIf(toString(status), source_offset, step IN ('waits', 'goes on'))) AS waits_for,
    if(countIf(step = 'decided' AND status = 'LEAVE_OUT') > 0, 'left out by a person',
        argMaxIf(detail, source_offset, step IN ('waits', 'goes on'))) AS why,
    maxIf(recorded_at, step = 'waits') AS waits_since,
    min(occurred_at) AS seen_at,
    max(recorded_at) AS changed_at
FROM fct_orders FINAL
GROUP BY shop_order
COMMENT 'Each order of a shop as it stands; an order keeps its partition, so offsets are in order'
