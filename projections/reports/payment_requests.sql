-- What did people at abas ask of PayTrace, and where does each request stand?
-- One row for each payment request, those that wait for a person first, then by age. `status` is what abas was last asked to
-- show; OPEN where nothing was decided yet. `since` is when it came there. `is_written_back` says whether abas shows it.
-- parameter status String = all: OPEN, ACCEPTED, WAITING, SENT, IN_DOUBT, DONE, REFUSED or CANCELLED; empty for all
-- period asked_at: when abas showed it first
WITH
asked AS
(
    SELECT
        JSONExtractString(facts.body, 'payment_request_id') AS payment_request_id,
        argMax(JSONExtractString(facts.body, 'payment_request_number'), facts.source_offset) AS payment_request_number,
        argMax(lower(JSONExtractString(facts.body, 'kind')), facts.source_offset) AS kind,
        argMax(JSONExtractString(facts.body, 'status'), facts.source_offset) AS status_at_abas,
        argMax(JSONExtractString(facts.body, 'requester'), facts.source_offset) AS requester,
        argMax(facts.abas_customer_id, facts.source_offset) AS abas_customer_id,
        argMax(facts.amount_minor, facts.source_offset) AS amount_minor,
        toString(argMax(facts.currency, facts.source_offset)) AS currency,
        min(facts.occurred_at) AS asked_at
    FROM fct_records AS facts FINAL
    WHERE record_type = 'PaymentRequestObserved' AND source_topic = 'gateway.inbox.v1'
    GROUP BY payment_request_id
)
SELECT
    asked.payment_request_number AS payment_request_number,
    if(shown.last_status = '', asked.status_at_abas, shown.last_status) AS status,
    asked.kind AS kind,
    asked.abas_customer_id AS abas_customer_id,
    asked.amount_minor AS amount_minor,
    asked.currency AS currency,
    shown.paytrace_transaction_id AS paytrace_transaction_id,
    shown.documents AS documents,
    shown.reason AS reason,
    asked.requester AS requester,
    asked.asked_at AS asked_at,
    if(shown.last_status = '', asked.asked_at, shown.since) AS since,
    records.state = 'saved' AS is_written_back,
    asked.payment_request_id AS payment_request_id
FROM asked
LEFT JOIN rpt_payment_requests_now AS shown ON shown.payment_request_id = asked.payment_request_id
LEFT JOIN
(
    SELECT natural_key, state FROM rpt_records_now WHERE kind = 'payment_request'
) AS records ON records.natural_key = asked.payment_request_id
WHERE {status:String} = '' OR status = {status:String}
ORDER BY indexOf(['IN_DOUBT', 'WAITING', 'OPEN', 'ACCEPTED', 'SENT', 'REFUSED', 'CANCELLED', 'DONE'], status), since, payment_request_id
