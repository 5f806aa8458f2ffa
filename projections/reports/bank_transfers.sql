-- What did customers pay straight into the bank account, and what became of it?
-- One row for each payment, newest first; what a debit took back stands as returned. No processor has part in this money.
-- period booked_on: the day on which the bank booked it
WITH
documents AS
(
    SELECT paytrace_transaction_id, arraySort(groupUniqArray(posting_reference)) AS posted
    FROM rpt_documents_now
    WHERE state = 'posted' AND paytrace_transaction_id != ''
    GROUP BY paytrace_transaction_id
)
SELECT
    payments.opened_on AS booked_on,
    payments.paytrace_transaction_id AS paytrace_transaction_id,
    toString(payments.merchant) AS merchant,
    payments.amount_minor AS amount_minor,
    payments.net_minor AS net_minor,
    toString(payments.currency) AS currency,
    if(payments.net_minor = 0, 'returned', if(length(documents.posted) > 0, 'posted', 'waiting')) AS state,
    payments.invoice_number AS invoice_number,
    documents.posted AS documents
FROM fct_payments AS payments
LEFT JOIN documents ON documents.paytrace_transaction_id = payments.paytrace_transaction_id
WHERE payments.method = 'BANK_TRANSFER'
ORDER BY booked_on DESC, paytrace_transaction_id
