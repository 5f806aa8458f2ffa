CREATE OR REPLACE VIEW rpt_charge_holds_now AS
SELECT latest.*
FROM
(
    SELECT *
    FROM fct_charge_holds FINAL
    WHERE record_type = 'ChargesHeld'
    ORDER BY source_offset DESC
    LIMIT 1 BY vault_customer_id, paytrace_transaction_id, code_kind
) AS latest
LEFT JOIN
(
    SELECT vault_customer_id, max(source_offset) AS released_offset, 1 AS is_released
    FROM fct_charge_holds FINAL
    WHERE record_type = 'ChargesReleased'
    GROUP BY vault_customer_id
) AS released ON released.vault_customer_id = latest.vault_customer_id
WHERE latest.is_held = 1 AND (released.is_released = 0 OR latest.source_offset > released.released_offset)
COMMENT 'Codes that refuse charges of a vault customer now; a customer keeps its partition, so offsets are in order'
