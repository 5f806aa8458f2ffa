CREATE OR REPLACE VIEW rpt_payment_requests_now AS
SELECT
    JSONExtractString(facts.body, 'natural_key') AS payment_request_id,
    argMax(JSONExtractString(facts.body, 'values', 'request_status'), facts.source_offset) AS last_status,
    argMax(JSONExtractString(facts.body, 'values', 'transaction'), facts.source_offset) AS paytrace_transaction_id,
    argMax(JSONExtractString(facts.body, 'values', 'document'), facts.source_offset) AS documents,
    argMax(JSONExtractString(facts.body, 'values', 'reason'), facts.source_offset) AS reason,
    argMax(facts.recorded_at, facts.source_offset) AS since
FROM fct_records AS facts FINAL
WHERE record_type = 'SaveRecord' AND source_topic = 'erp.commands.v1'
    AND JSONExtractString(facts.body, 'kind') = 'payment_request'
GROUP BY payment_request_id
COMMENT 'Each payment request by what abas was last asked to show of it'
