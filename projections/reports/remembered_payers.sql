-- Which references stand for a customer because a person said so?
-- One row for each, until it is forgotten (`saldo decide forget-customer REFERENCE`); the latest decision counts.
-- period decided_at: when it was decided
SELECT
    JSONExtractString(body, 'token') AS reference,
    abas_customer_id,
    JSONExtractString(body, 'decided_by') AS decided_by,
    JSONExtractString(body, 'reason') AS why,
    occurred_at AS decided_at
FROM
(
    SELECT *
    FROM fct_records FINAL
    WHERE record_type IN ('ReferenceRemembered', 'ReferenceForgotten')
    ORDER BY source_offset DESC, row_index DESC
    LIMIT 1 BY record_key
)
WHERE record_type = 'ReferenceRemembered'
ORDER BY reference
