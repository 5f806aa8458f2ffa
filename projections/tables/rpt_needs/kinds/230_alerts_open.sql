-- Alerts that nobody took on.
SELECT 'alerts open', '', count(), 0, toDateTime64(min(opened_at), 3, 'UTC')
FROM rpt_alerts_now
WHERE status = 'open'
HAVING count() > 0
