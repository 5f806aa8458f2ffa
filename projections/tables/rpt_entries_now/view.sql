CREATE OR REPLACE VIEW rpt_entries_now AS
SELECT
    *,
    min(occurred_at) OVER (PARTITION BY posting_reference) AS first_at
FROM fct_entries FINAL
WHERE direction != 'NONE' -- no money of the payer moves: reports write_offs, unapplied_cash
ORDER BY abas_customer_id, posting_reference, source_offset DESC, row_index DESC
LIMIT 1 BY abas_customer_id, posting_reference
COMMENT 'Each receivables entry by its latest event with each customer; those of a customer lie on one partition'
