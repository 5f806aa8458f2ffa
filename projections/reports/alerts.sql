-- What are people alerted to, and what became of it?
-- One row for each alert: open ones first, urgent before others, then the newest. answered_by is who took it on or closed it; it is
-- empty for an alert that closed by itself.
SELECT alert_id, status, severity, title, item_count, amount_minor, currency, detail, remedy, receivers, since_at, opened_at,
    answered_by, answered_because, closed_at
FROM rpt_alerts_now
ORDER BY status = 'closed', severity = 'NORMAL', opened_at DESC, alert_id
