-- What happened to one order of a shop, step by step?
-- One row for each step in the order in which it was recorded, with its time.
-- parameter shop_order String: the order as <shop>/<id>
SELECT
    recorded_at,
    step,
    replaceAll(lower(toString(status)), '_', ' ') AS status,
    reference,
    paytrace_transaction_id,
    amount_minor,
    toString(currency) AS currency,
    detail,
    decided_by,
    occurred_at
FROM fct_orders FINAL
WHERE shop_order = {shop_order:String}
ORDER BY source_offset, row_index
