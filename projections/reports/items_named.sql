-- Which open items bear this number?
-- One row for each open item as abas last showed it, cleared ones included.
-- parameter number String: invoice number or open item id
-- parameter abas_customer_id String = all: only this customer; empty for all
SELECT abas_open_item_id, abas_customer_id, invoice_number, amount_minor, open_minor, currency, is_open, due_on
FROM rpt_open_items_now
WHERE (upper(invoice_number) = upper({number:String}) OR abas_open_item_id = {number:String})
    AND ({abas_customer_id:String} = '' OR abas_customer_id = {abas_customer_id:String})
ORDER BY abas_open_item_id
