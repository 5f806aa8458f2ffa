-- Which rows of which files name this dispute, deposit or bank line?
-- One row for each row of a file, the file that was read first on top.
-- parameter id String: number of the dispute or deposit, or the bank line
SELECT
    f.first_read_at AS first_read_at,
    f.file_name AS file_name,
    l.row_number AS row_number,
    toString(l.settlement_account) AS settlement_account,
    toString(l.what) AS what,
    l.amount_minor AS amount_minor,
    toString(l.currency) AS currency,
    l.on_day AS on_day,
    l.file_digest AS file_digest
FROM (
    SELECT DISTINCT file_digest, row_number, settlement_account, id, what, amount_minor, currency, on_day
    FROM fct_file_lines
    WHERE id = {id:String}
) AS l
LEFT JOIN (
    SELECT file_digest, min(observed_at) AS first_read_at, argMin(file_name, source_offset) AS file_name
    FROM fct_files
    GROUP BY file_digest
) AS f ON f.file_digest = l.file_digest
ORDER BY first_read_at, file_digest, row_number, what
