CREATE OR REPLACE VIEW rpt_movements_now AS
SELECT
    *,
    min(occurred_at) OVER (PARTITION BY movement_id) AS first_at
FROM fct_movements FINAL
ORDER BY movement_id, stage DESC, source_offset DESC, row_index DESC
LIMIT 1 BY movement_id
COMMENT 'Each money movement by its furthest record'
