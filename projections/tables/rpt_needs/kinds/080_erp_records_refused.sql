-- Records that the ERP refused.
SELECT 'erp records refused', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
FROM rpt_records_now
WHERE state = 'refused'
HAVING count() > 0
