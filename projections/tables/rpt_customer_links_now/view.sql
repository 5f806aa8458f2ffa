CREATE OR REPLACE VIEW rpt_customer_links_now AS
SELECT
    data_subject,
    vault_customer_id,
    multiIf(
        last_record = 'CustomerLinked', 'linked',
        last_record = 'CustomerLinkContested', 'contested',
        last_record = 'CustomerUnlinked', 'unlinked',
        last_record = 'CustomerCreationRequested', 'being created',
        last_record = 'CustomerLeft', 'left',
        why = 'NOBODY_AGREES', 'unknown',
        'waiting'
    ) AS status,
    abas_customer_id,
    why,
    evidence,
    decided_by,
    reason,
    since,
    recorded_at
FROM
(
    SELECT
        data_subject,
        argMax(vault_customer_id, source_offset) AS vault_customer_id,
        argMax(toString(record_type), source_offset) AS last_record,
        argMax(abas_customer_id, source_offset) AS abas_customer_id,
        argMax(toString(why), source_offset) AS why,
        argMax(evidence, source_offset) AS evidence,
        argMax(toString(decided_by), source_offset) AS decided_by,
        argMax(reason, source_offset) AS reason,
        argMax(occurred_at, source_offset) AS since,
        argMax(recorded_at, source_offset) AS recorded_at
    FROM fct_customer_links FINAL
    GROUP BY data_subject
)
COMMENT 'Each vault customer with the customer of abas that it is, or why it is linked to nobody; a vault customer keeps its partition, so offsets are in order'
