-- Payment requests of abas that wait or are in doubt.
SELECT 'payment requests wait', '', count(), 0, toDateTime64(min(since), 3, 'UTC')
FROM
(
    SELECT
        argMax(JSONExtractString(facts.body, 'values', 'request_status'), facts.source_offset) AS status,
        argMax(facts.recorded_at, facts.source_offset) AS since
    FROM fct_records AS facts FINAL
    WHERE record_type = 'SaveRecord' AND source_topic = 'erp.commands.v1'
        AND JSONExtractString(facts.body, 'kind') = 'payment_request'
    GROUP BY JSONExtractString(facts.body, 'natural_key')
)
WHERE status IN ('WAITING', 'IN_DOUBT')
HAVING count() > 0
