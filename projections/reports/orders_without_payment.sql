-- Which orders of shops have no payment that PayTrace shows, and for how long?
-- One row for each order that names no transaction, or one that PayTrace has not shown, the oldest first.
-- parameter today Date = today: age is counted up to this day
SELECT
    shop_order,
    order_number,
    shop_status,
    total_minor,
    order_currency AS currency,
    replaceAll(lower(waits_for), '_', ' ') AS waits_for,
    why,
    seen_at,
    dateDiff('day', toDate(seen_at), {today:Date}) AS age_days
FROM rpt_orders_now
WHERE waits_for IN ('PAYMENT_NOT_NAMED', 'PAYMENT_UNKNOWN')
ORDER BY seen_at, shop_order
