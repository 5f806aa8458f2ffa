-- Which files came, when and how, and how many of their rows say something?
-- One row for each file, the newest first. ways lists how it was brought, each time; line_count counts rows that became
-- records, row_count rows that the file has.
SELECT
    min(f.observed_at) AS first_read_at,
    toString(any(f.purpose)) AS purpose,
    toString(any(f.merchant)) AS merchant,
    argMin(f.file_name, f.source_offset) AS file_name,
    any(f.byte_count) AS byte_count,
    max(f.row_count) AS row_count,
    any(l.line_count) AS line_count,
    arrayStringConcat(arraySort(groupUniqArray(toString(f.origin))), ', ') AS ways,
    f.file_digest AS file_digest
FROM fct_files AS f
LEFT JOIN (
    SELECT file_digest, uniqExact(row_number) AS line_count FROM fct_file_lines GROUP BY file_digest
) AS l ON l.file_digest = f.file_digest
GROUP BY f.file_digest
ORDER BY first_read_at DESC, file_digest
