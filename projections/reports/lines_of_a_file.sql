-- What does a file say, row by row?
-- One row for each record that was made of one of its rows.
-- parameter file String: how its digest begins, or its name
SELECT
    l.row_number AS row_number,
    toString(l.settlement_account) AS settlement_account,
    l.id AS id,
    toString(l.what) AS what,
    l.amount_minor AS amount_minor,
    toString(l.currency) AS currency,
    l.on_day AS on_day,
    l.file_digest AS file_digest
FROM (
    SELECT DISTINCT file_digest, row_number, record_type, settlement_account, id, what, amount_minor, currency, on_day
    FROM fct_file_lines
) AS l
WHERE startsWith(l.file_digest, {file:String})
    OR l.file_digest IN (SELECT file_digest FROM fct_files WHERE file_name = {file:String})
ORDER BY file_digest, row_number, what
