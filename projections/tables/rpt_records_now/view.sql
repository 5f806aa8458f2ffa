CREATE OR REPLACE VIEW rpt_records_now AS
WITH
-- The body of a command or outcome names the record by its kind and natural key. Written again, it is the same one.
asked AS
(
    SELECT
        JSONExtractString(facts.body, 'kind') AS kind,
        JSONExtractString(facts.body, 'natural_key') AS natural_key,
        any(JSONExtractString(facts.body, 'subject')) AS subject,
        uniqExactIf(facts.event_id, record_type = 'SaveRecord') AS commands,
        uniqExactIf(facts.event_id, record_type != 'SaveRecord') AS outcomes,
        argMaxIf(record_type, facts.source_offset, record_type != 'SaveRecord') AS last_outcome,
        argMaxIf(JSONExtractString(facts.body, 'erp_number'), facts.source_offset, record_type = 'RecordSaved')
            AS erp_number,
        argMaxIf(JSONExtractString(facts.body, 'code'), facts.source_offset, record_type = 'RecordRefused') AS code,
        argMaxIf(JSONExtractString(facts.body, 'message'), facts.source_offset, record_type = 'RecordRefused')
            AS message,
        argMaxIf(JSONExtractString(facts.body, 'field_name'), facts.source_offset, record_type = 'RecordRefused')
            AS field_name,
        min(facts.occurred_at) AS asked_at,
        max(facts.recorded_at) AS recorded_at
    FROM fct_records AS facts FINAL
    WHERE (record_type = 'SaveRecord' AND source_topic = 'erp.commands.v1')
        OR (record_type IN ('RecordSaved', 'RecordRefused') AND source_topic = 'erp.outcomes.v1')
    GROUP BY kind, natural_key
)
SELECT
    kind, natural_key, subject,
    multiIf(commands > outcomes, 'waiting', last_outcome = 'RecordRefused', 'refused', 'saved') AS state,
    erp_number,
    if(state = 'refused', code, '') AS code,
    if(state = 'refused', message, '') AS message,
    if(state = 'refused', field_name, '') AS field_name,
    asked_at, recorded_at
FROM asked
COMMENT 'Each customer, order and other record that the ERP was asked to hold, once: saved, refused or waiting for the ERP'
