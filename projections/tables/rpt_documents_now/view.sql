CREATE OR REPLACE VIEW rpt_documents_now AS
WITH
-- A command written again after a crash is the same command.
documents AS
(
    SELECT
        posting_reference,
        countIf(record_type = 'DocumentPosted') AS posted,
        uniqExactIf(facts.event_id, record_type = 'PostDocument') AS asked,
        uniqExactIf(facts.event_id, record_type = 'DocumentRefused') AS refusals,
        argMax(facts.kind, (facts.recorded_at, facts.source_offset)) AS kind,
        any(facts.subject_kind) AS subject_kind,
        argMax(facts.subject, (facts.recorded_at, facts.source_offset)) AS subject,
        any(facts.paytrace_transaction_id) AS paytrace_transaction_id,
        argMax(facts.is_payer_money, (facts.recorded_at, facts.source_offset)) AS is_payer_money,
        argMax(facts.amount_minor, (facts.recorded_at, facts.source_offset)) AS amount_minor,
        any(facts.currency) AS currency,
        argMax(facts.open_item, (facts.recorded_at, facts.source_offset)) AS open_item,
        any(facts.reverses_reference) AS reverses_reference,
        anyIf(facts.document_number, record_type = 'DocumentPosted') AS document_number,
        argMaxIf(facts.code, facts.source_offset, record_type = 'DocumentRefused') AS code,
        argMaxIf(facts.message, facts.source_offset, record_type = 'DocumentRefused') AS message,
        argMinIf(facts.kind, facts.source_offset, record_type = 'PostDocument') AS first_kind,
        any(facts.value_on) AS value_on,
        argMaxIf(facts.posted_on, facts.source_offset, record_type = 'PostDocument') AS posted_on,
        countIf(record_type = 'DocumentRefused' AND startsWith(facts.code, 'PERIOD_CLOSED')) > 0 AS is_period_closed,
        argMaxIf(facts.message, facts.source_offset, startsWith(facts.code, 'PERIOD_CLOSED')) AS closed_message,
        min(facts.occurred_at) AS asked_at,
        max(facts.recorded_at) AS recorded_at
    FROM fct_documents AS facts FINAL
    GROUP BY posting_reference
),
stopped AS
(
    SELECT parked.posting_reference AS reference, argMax(parked.state, parked.inbox_offset) AS stopped_as
    FROM fct_parked AS parked
    WHERE parked.inbox_topic = 'erp.commands.v1' AND parked.state IN ('PARKED', 'DISCARDED')
        AND parked.posting_reference != ''
    GROUP BY parked.posting_reference
)
SELECT
    documents.posting_reference AS posting_reference,
    multiIf(
        posted > 0, 'posted',
        stopped.stopped_as != '', lower(stopped.stopped_as),
        asked > refusals, 'waiting',
        'refused'
    ) AS state,
    kind, subject_kind, subject, paytrace_transaction_id, is_payer_money, amount_minor, currency, open_item,
    reverses_reference, document_number, code, message, value_on, posted_on, first_kind, is_period_closed, closed_message,
    asked_at, recorded_at
FROM documents
LEFT JOIN stopped ON stopped.reference = documents.posting_reference
COMMENT 'Each document of any kind once: posted, refused, waiting for the ERP, parked or discarded'
