-- Where does each order of a shop stand?
-- One row for each order, those that wait first, the oldest of them first. `saldo report order_of` shows each step of one; a person
-- decides by `saldo decide order-customer`, `take-order`, `try-order` and `leave-out-order` (docs/shop.md).
-- parameter shop_order String = all: only this one, as shop/order; empty for all
SELECT
    shop_order,
    order_number,
    shop_status,
    total_minor,
    order_currency AS currency,
    lower(payment_status) AS payment,
    abas_customer_id,
    sales_order,
    documents,
    asked_of_shop,
    replaceAll(lower(waits_for), '_', ' ') AS waits_for,
    why,
    seen_at
FROM rpt_orders_now
WHERE {shop_order:String} IN ('', shop_order)
ORDER BY waits_for = '', seen_at, shop_order
