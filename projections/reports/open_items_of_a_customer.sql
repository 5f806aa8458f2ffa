-- Which invoices and credits of one customer are open?
-- One row for each open item as abas last showed it, the earliest due first.
-- parameter abas_customer_id String: customer number in abas
SELECT
    abas_open_item_id, invoice_number, due_on, amount_minor, open_minor, toString(currency) AS currency
FROM rpt_open_items_now
WHERE is_open AND abas_customer_id = {abas_customer_id:String}
ORDER BY due_on NULLS LAST, invoice_number, abas_open_item_id
