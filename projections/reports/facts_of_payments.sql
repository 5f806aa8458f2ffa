-- What do these payments say of themselves?
-- One row for each transaction that PayTrace showed, with how many ways out were suggested for its money.
-- parameter ids String: transaction ids, separated by commas
WITH splitByChar(',', {ids:String}) AS wanted
SELECT
    seen.paytrace_transaction_id AS paytrace_transaction_id,
    seen.method AS method,
    seen.card_last_four AS card_last_four,
    seen.description AS description,
    seen.vault_customer_id AS vault_customer_id,
    seen.paid_on AS paid_on,
    suggested.suggestion_count AS suggestion_count
FROM
(
    SELECT
        paytrace_transaction_id,
        toString(argMax(observed.method, observed.source_offset)) AS method,
        argMax(observed.card_last_four, observed.source_offset) AS card_last_four,
        argMax(observed.description, observed.source_offset) AS description,
        argMax(observed.vault_customer_id, observed.source_offset) AS vault_customer_id,
        min(observed.created_on) AS paid_on
    FROM fct_observations AS observed FINAL
    WHERE has(wanted, paytrace_transaction_id)
    GROUP BY paytrace_transaction_id
) AS seen
LEFT JOIN
(
    SELECT paytrace_transaction_id, argMax(published.suggestion_count, published.source_offset) AS suggestion_count
    FROM fct_suggestions AS published FINAL
    WHERE has(wanted, paytrace_transaction_id)
    GROUP BY paytrace_transaction_id
) AS suggested ON suggested.paytrace_transaction_id = seen.paytrace_transaction_id
ORDER BY paytrace_transaction_id
