CREATE OR REPLACE VIEW rpt_alerts_now AS
SELECT
    said.alert_id AS alert_id,
    multiIf(ended.closed > 0, 'closed', ended.acknowledged > 0, 'acknowledged', 'open') AS status,
    said.severity AS severity,
    said.about AS about,
    said.condition AS condition,
    said.rule_name AS rule_name,
    said.title AS title,
    said.detail AS detail,
    said.remedy AS remedy,
    said.item_count AS item_count,
    said.amount_minor AS amount_minor,
    said.currency AS currency,
    said.receivers AS receivers,
    said.since_at AS since_at,
    said.opened_at AS opened_at,
    ended.person AS answered_by,
    ended.reason AS answered_because,
    if(ended.closed > 0, ended.at, NULL) AS closed_at
FROM
(
    SELECT
        alert_id,
        toString(argMax(severity, source_offset)) AS severity,
        any(about) AS about,
        toString(argMax(condition, source_offset)) AS condition,
        toString(argMax(rule_name, source_offset)) AS rule_name,
        argMax(title, source_offset) AS title,
        argMax(detail, source_offset) AS detail,
        argMax(remedy, source_offset) AS remedy,
        argMax(item_count, source_offset) AS item_count,
        argMax(tuple(amount_minor), source_offset).1 AS amount_minor,
        toString(argMax(currency, source_offset)) AS currency,
        argMax(receivers, source_offset) AS receivers,
        min(since_at) AS since_at,
        min(occurred_at) AS opened_at
    FROM fct_alerts FINAL
    WHERE record_type IN ('AlertOpened', 'AlertRepeated')
    GROUP BY alert_id
) AS said
LEFT JOIN
(
    SELECT
        alert_id,
        countIf(record_type = 'AlertClosed') AS closed,
        countIf(record_type = 'AlertAcknowledged') AS acknowledged,
        toString(argMax(person, source_offset)) AS person,
        argMax(reason, source_offset) AS reason,
        max(occurred_at) AS at
    FROM fct_alerts FINAL
    WHERE record_type IN ('AlertAcknowledged', 'AlertClosed')
    GROUP BY alert_id
) AS ended ON ended.alert_id = said.alert_id
COMMENT 'Each alert as it was last said, with who took it on and what ended it'
