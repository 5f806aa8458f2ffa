-- How far is the identification of a payment?
-- One row for each of its movements: where it is, the customer if it has one, and what the payer named.
-- parameter paytrace_transaction_id String: the transaction
SELECT
    movement_id,
    paytrace_transaction_id,
    record_type AS last_record,
    abas_customer_id,
    token,
    invoice_number,
    vault_customer_id,
    reason,
    detail,
    signed_minor,
    currency
FROM rpt_movements_now
WHERE paytrace_transaction_id = {paytrace_transaction_id:String}
ORDER BY first_at, movement_id
