CREATE VIEW IF NOT EXISTS rpt_entries_now AS
SELECT
    *,
    min(occurred_at) OVER (PARTITION BY posting_reference) AS first_at
FROM fct_entries FINAL
ORDER BY posting_reference, source_offset DESC, row_index DESC
LIMIT 1 BY posting_reference
COMMENT 'Each receivables entry by its latest event; an entry lives on one partition, so offsets order it'
