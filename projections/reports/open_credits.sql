-- Which credit memos and credit balances of customers are open in abas?
-- One row for each, oldest due first, by customer. `open_minor` is what is left to be paid out or applied to an invoice.
-- parameter abas_customer_id String = all: only this customer; empty for all
SELECT
    abas_customer_id, invoice_number AS credit_number, abas_open_item_id AS abas_credit_item_id, due_on,
    -amount_minor AS amount_minor, -open_minor AS open_minor, toString(currency) AS currency
FROM rpt_open_items_now
WHERE is_open AND open_minor < 0 AND ({abas_customer_id:String} = '' OR abas_customer_id = {abas_customer_id:String})
ORDER BY due_on, abas_customer_id, abas_credit_item_id
