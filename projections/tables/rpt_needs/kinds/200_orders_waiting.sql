-- Orders of shops that wait.
SELECT 'orders waiting', '', count(), 0, toDateTime64(min(waits_since), 3, 'UTC')
FROM rpt_orders_now
WHERE waits_for != ''
HAVING count() > 0
