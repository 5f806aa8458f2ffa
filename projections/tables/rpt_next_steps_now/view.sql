CREATE OR REPLACE VIEW rpt_next_steps_now AS
SELECT *
FROM fct_next_steps FINAL
ORDER BY source_partition DESC, source_offset DESC
LIMIT 1 BY paytrace_transaction_id, code_kind
COMMENT 'What the latest code of each kind allows next of a payment'
