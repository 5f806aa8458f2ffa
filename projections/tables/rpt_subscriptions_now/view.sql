CREATE OR REPLACE VIEW rpt_subscriptions_now AS
SELECT *
FROM fct_subscriptions FINAL
WHERE record_type = 'SubscriptionStatusChanged'
ORDER BY source_offset DESC
LIMIT 1 BY vault_customer_id, subscription_id
COMMENT 'Each subscription as it stands now; a vault customer keeps its partition, so offsets are in order'
