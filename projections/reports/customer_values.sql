-- Which values of customers differ between abas and PayTrace, and whose stands?
-- One row for each customer and field that differed once, those that wait for a person or were refused first. Stands names the side whose
-- value is on both, or is to be. Conflicts counts how often the other side held something of its own. No value is shown: read it in abas and
-- PayTrace. A person decides by `saldo decide keep-value`.
SELECT
    data_subject,
    field,
    status,
    stands,
    lower(replaceAll(if(why = '', last_conflict, why), '_', ' ')) AS why,
    conflicts,
    detail,
    decided_by,
    reason,
    since
FROM rpt_customer_values_now AS now
LEFT JOIN
(
    SELECT data_subject, toString(field) AS field, count() AS conflicts, argMax(toString(why), source_offset) AS last_conflict
    FROM fct_customer_values FINAL
    WHERE record_type = 'CustomerValueDiffers'
    GROUP BY data_subject, field
) AS told ON told.data_subject = now.data_subject AND told.field = now.field
ORDER BY indexOf(['waiting', 'refused', 'being written', 'written', 'the same'], status), data_subject, field
