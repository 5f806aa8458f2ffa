-- Payment requests of abas that wait or are in doubt.
SELECT 'payment requests wait', '', count(), 0, toDateTime64(min(since), 3, 'UTC')
FROM rpt_payment_requests_now
WHERE last_status IN ('WAITING', 'IN_DOUBT')
HAVING count() > 0
