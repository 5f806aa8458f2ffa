-- Vault customers that no customer of abas is.
SELECT 'customers unknown', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
FROM rpt_customer_links_now
WHERE status = 'unknown'
HAVING count() > 0
