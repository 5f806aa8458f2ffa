-- Where does one payment stand, and what is known of it?
-- One row: its status, amounts, and what the payer gave with it.
-- parameter paytrace_transaction_id String: the transaction
SELECT
    payments.paytrace_transaction_id AS paytrace_transaction_id,
    payments.kind AS kind,
    payments.state AS state,
    payments.method AS method,
    toString(payments.merchant) AS merchant,
    toString(payments.currency) AS currency,
    payments.amount_minor AS amount_minor,
    payments.captured_minor AS captured_minor,
    payments.refunded_minor AS refunded_minor,
    payments.charged_back_minor AS charged_back_minor,
    payments.net_minor AS net_minor,
    payments.invoice_number AS invoice_number,
    payments.vault_customer_id AS vault_customer_id,
    payments.card_last_four AS card_last_four,
    payments.needs_attention AS needs_attention,
    payments.opened_on AS opened_on,
    seen.description AS description,
    seen.batch_number AS batch_number
FROM fct_payments AS payments
LEFT JOIN
(
    SELECT
        paytrace_transaction_id,
        argMax(observed.description, observed.source_offset) AS description,
        argMax(observed.batch_number, observed.source_offset) AS batch_number
    FROM fct_observations AS observed FINAL
    WHERE paytrace_transaction_id = {paytrace_transaction_id:String}
    GROUP BY paytrace_transaction_id
) AS seen ON seen.paytrace_transaction_id = payments.paytrace_transaction_id
WHERE payments.paytrace_transaction_id = {paytrace_transaction_id:String}
