-- Values of customers that differ or were refused.
SELECT 'customer values', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
FROM rpt_customer_values_now
WHERE status IN ('waiting', 'refused')
HAVING count() > 0
