-- Vault customers that several customers of abas may be.
SELECT 'customers to link', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
FROM rpt_customer_links_now
WHERE status IN ('contested', 'waiting')
HAVING count() > 0
