CREATE OR REPLACE VIEW rpt_customer_links_now AS
SELECT
    data_subject,
    argMax(vault_customer_id, source_offset) AS vault_customer_id,
    multiIf(
        argMax(record_type, source_offset) = 'CustomerLinked', 'linked',
        argMax(record_type, source_offset) = 'CustomerLinkContested', 'contested',
        argMax(record_type, source_offset) = 'CustomerUnlinked', 'unlinked',
        'waiting'
    ) AS status,
    argMax(abas_customer_id, source_offset) AS abas_customer_id,
    argMax(toString(why), source_offset) AS why,
    argMax(evidence, source_offset) AS evidence,
    argMax(toString(decided_by), source_offset) AS decided_by,
    argMax(reason, source_offset) AS reason,
    argMax(occurred_at, source_offset) AS since,
    argMax(recorded_at, source_offset) AS recorded_at
FROM fct_customer_links FINAL
GROUP BY data_subject
COMMENT 'Each vault customer with the customer of abas that it is, or why it is linked to nobody; a vault customer keeps its partition, so offsets are in order'
