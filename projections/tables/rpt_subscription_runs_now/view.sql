CREATE OR REPLACE VIEW rpt_subscription_runs_now AS
SELECT *
FROM fct_subscription_runs FINAL
WHERE record_type = 'SubscriptionRunChanged'
ORDER BY source_offset DESC, row_index DESC
LIMIT 1 BY vault_customer_id, subscription_id, due_on
COMMENT 'Each run of a subscription as it stands now; a vault customer keeps its partition, so offsets are in order'
