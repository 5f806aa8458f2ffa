CREATE OR REPLACE VIEW rpt_payment_methods_now AS
SELECT
    data_subject,
    vault_customer_id,
    method,
    card_brand,
    card_last_four,
    card_expires_on,
    card_fingerprint,
    since,
    recorded_at
FROM
(
    SELECT
        data_subject,
        toString(method) AS method,
        argMax(vault_customer_id, source_offset) AS vault_customer_id,
        argMax(toString(change), source_offset) AS last_change,
        argMax(toString(card_brand), source_offset) AS card_brand,
        argMax(card_last_four, source_offset) AS card_last_four,
        argMax(tuple(card_expires_on), source_offset).1 AS card_expires_on,
        argMax(card_fingerprint, source_offset) AS card_fingerprint,
        argMax(occurred_at, source_offset) AS since,
        argMax(recorded_at, source_offset) AS recorded_at
    FROM fct_payment_methods FINAL
    GROUP BY data_subject, method
)
WHERE last_change != 'REMOVED'
COMMENT 'Each method that a vault customer can be charged by now; a vault customer keeps its partition, so offsets are in order'
