-- What do these payments say of themselves?
-- One row for each transaction that PayTrace showed.
-- parameter ids String: transaction ids, separated by commas
SELECT
    paytrace_transaction_id,
    toString(argMax(observed.method, observed.source_offset)) AS method,
    argMax(observed.card_last_four, observed.source_offset) AS card_last_four,
    argMax(observed.description, observed.source_offset) AS description,
    argMax(observed.vault_customer_id, observed.source_offset) AS vault_customer_id,
    min(observed.created_on) AS paid_on
FROM fct_observations AS observed FINAL
WHERE paytrace_transaction_id IN splitByChar(',', {ids:String})
GROUP BY paytrace_transaction_id
ORDER BY paytrace_transaction_id
