CREATE OR REPLACE VIEW rpt_open_items_now AS
SELECT *
FROM fct_open_items FINAL
ORDER BY abas_open_item_id, source_offset DESC, row_index DESC
LIMIT 1 BY abas_open_item_id
COMMENT 'Each open item as last recorded'
