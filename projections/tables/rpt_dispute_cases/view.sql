CREATE OR REPLACE VIEW rpt_dispute_cases AS
WITH
-- All records of a case lie on one partition, and so do those of the calendar: the offset is their order.
recorded AS
(
    SELECT
        *,
        min(entered_on) OVER one AS opened_on,
        countIf(fact NOT IN ('RETRIEVAL_REQUESTED', 'EVIDENCE_SUBMITTED', 'CLOSED')) OVER one > 0 AS is_chargeback
    FROM fct_dispute_events FINAL
    WHERE record_type = 'DisputeRecorded'
    WINDOW one AS (PARTITION BY settlement_account, dispute_id)
),
warned AS
(
    SELECT settlement_account, dispute_id, record_type, deadline_on, occurred_at
    FROM fct_dispute_deadlines FINAL
    ORDER BY settlement_account, dispute_id, source_offset DESC, row_index DESC
    LIMIT 1 BY settlement_account, dispute_id
)
SELECT
    recorded.settlement_account AS settlement_account,
    recorded.dispute_id AS dispute_id,
    recorded.paytrace_transaction_id AS paytrace_transaction_id,
    recorded.stage AS stage,
    recorded.is_chargeback AS is_chargeback,
    multiIf(stage = 'WON', 'won', stage IN ('LOST', 'ACCEPTED', 'EXPIRED'), 'lost', stage = 'CLOSED', 'closed', 'open')
        AS outcome,
    recorded.reason_code AS reason_code,
    recorded.disputed_minor AS disputed_minor,
    recorded.charged_back_minor AS charged_back_minor,
    recorded.lost_minor AS lost_minor,
    recorded.currency AS currency,
    recorded.opened_on AS opened_on,
    recorded.entered_on AS last_on,
    recorded.deadline_on AS deadline_on,
    multiIf(
        recorded.deadline_on IS NULL OR warned.deadline_on IS NULL, '',
        warned.record_type = 'DisputeDeadlineNear', 'near',
        warned.record_type = 'DisputeDeadlinePassed', 'passed',
        'set'
    ) AS deadline,
    warned.occurred_at AS warned_at,
    recorded.source_topic AS source_topic,
    recorded.source_partition AS source_partition,
    recorded.source_offset AS source_offset
FROM
(
    SELECT * FROM recorded
    ORDER BY settlement_account, dispute_id, source_offset DESC, row_index DESC
    LIMIT 1 BY settlement_account, dispute_id
) AS recorded
LEFT JOIN warned
    ON warned.settlement_account = recorded.settlement_account AND warned.dispute_id = recorded.dispute_id
COMMENT 'Each dispute as a case: where it stands, what it takes, and until when it must be answered'
