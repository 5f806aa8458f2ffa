-- Which payments came in last, and where does each stand?
-- One row for each transaction, the newest first, 200 at most.
-- period opened_at: when it came in
SELECT
    opened_at, paytrace_transaction_id, kind, state, method, card_last_four, amount_minor, net_minor,
    toString(currency) AS currency, invoice_number, needs_attention
FROM fct_payments
WHERE paytrace_transaction_id IN
(
    SELECT paytrace_transaction_id
    FROM fct_observations
    GROUP BY paytrace_transaction_id
    ORDER BY min(created_at) DESC
    LIMIT 200
)
ORDER BY opened_at DESC, paytrace_transaction_id
