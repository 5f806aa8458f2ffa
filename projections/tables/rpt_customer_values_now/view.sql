CREATE OR REPLACE VIEW rpt_customer_values_now AS
SELECT
    data_subject,
    vault_customer_id,
    field,
    multiIf(
        last_record = 'CustomerValueDiffers' AND last_waiting = 1, 'waiting',
        last_record = 'CustomerValuesRefused', 'refused',
        last_record = 'CustomerValueAgreed', 'the same',
        last_record = 'CustomerValuesTaken', 'written',
        'being written'
    ) AS status,
    stands,
    why,
    detail,
    decided_by,
    reason,
    since,
    recorded_at
FROM
(
    SELECT
        data_subject,
        toString(field) AS field,
        argMax(vault_customer_id, source_offset) AS vault_customer_id,
        argMax(toString(record_type), source_offset) AS last_record,
        argMax(is_waiting, source_offset) AS last_waiting,
        argMax(toString(stands), source_offset) AS stands,
        argMax(toString(why), source_offset) AS why,
        argMax(detail, source_offset) AS detail,
        argMax(toString(decided_by), source_offset) AS decided_by,
        argMax(reason, source_offset) AS reason,
        argMax(occurred_at, source_offset) AS since,
        argMax(recorded_at, source_offset) AS recorded_at
    FROM fct_customer_values FINAL
    GROUP BY data_subject, field
)
COMMENT 'Each value of a linked customer that differed once, as it stands; a vault customer keeps its partition, so offsets are in order'
