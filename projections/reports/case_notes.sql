-- Who looks after money that waits, and what was said of it?
-- One row for who looks after each case now, and one for each comment on it, the oldest first; the newest 5,000 of them.
-- parameter case_name String = all: only this case, as receivables/PT395970002; empty for all
-- period occurred_at: when it was said
SELECT
    case_name,
    record_type = 'CaseCommented' AS is_comment,
    assignee,
    decided_by,
    reason,
    occurred_at
FROM
(
    SELECT *
    FROM fct_case_notes FINAL
    WHERE {case_name:String} IN ('', case_name)
    -- A case keeps its partition, so its offsets are in order.
    ORDER BY recorded_at DESC, source_offset DESC
    LIMIT 1 BY case_name, if(record_type = 'CaseCommented', toString(source_offset), '')
    LIMIT 5000
)
ORDER BY case_name, occurred_at, source_offset
