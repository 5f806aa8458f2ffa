CREATE OR REPLACE VIEW rpt_disputes_now AS
WITH
-- What a dispute takes from a payment is the payment's own event. While a dispute names no payment, no payment can have
-- one, so its last fact stands for it.
status AS
(
    SELECT *
    FROM fct_dispute_events FINAL
    WHERE record_type != 'DisputeRecorded'
    UNION ALL
    SELECT *
    FROM
    (
        SELECT *
        FROM fct_dispute_events FINAL
        WHERE record_type = 'DisputeRecorded'
        ORDER BY settlement_account, dispute_id, source_offset DESC, row_index DESC
        LIMIT 1 BY settlement_account, dispute_id
    )
    WHERE paytrace_transaction_id = ''
)
SELECT
    settlement_account,
    dispute_id,
    paytrace_transaction_id,
    record_type,
    raw_stage,
    reason_code,
    charged_back_minor,
    currency,
    reopens_invoice,
    entered_on,
    min(entered_on) OVER one AS first_on,
    min(occurred_at) OVER one AS first_at,
    occurred_at,
    recorded_at,
    source_topic,
    source_partition,
    source_offset
FROM status
WINDOW one AS (PARTITION BY settlement_account, dispute_id, paytrace_transaction_id)
ORDER BY settlement_account, dispute_id, paytrace_transaction_id, source_offset DESC, row_index DESC
LIMIT 1 BY settlement_account, dispute_id, paytrace_transaction_id
COMMENT 'Each dispute by what it takes now, and from which payment; won back ones stand at 0'
