CREATE OR REPLACE VIEW rpt_risk_now AS
SELECT
    latest.*,
    history.found AS found,
    history.held_since AS held_since,
    history.rules_outcome AS rules_outcome,
    multiIf(moved.waits > 0, 'held back', moved.gone > 0, 'with its customer', moved.waits + moved.gone + moved.others = 0, 'none yet', 'waits for its customer') AS money
FROM
(
    SELECT *
    FROM fct_risk FINAL
    ORDER BY revision DESC
    LIMIT 1 BY paytrace_transaction_id
) AS latest
LEFT JOIN
(
    SELECT
        paytrace_transaction_id,
        argMaxIf(detail, revision, status = 'HELD') AS found,
        argMax(outcome, revision) AS rules_outcome,
        maxIf(recorded_at, status = 'HELD') AS held_since
    FROM fct_risk FINAL
    GROUP BY paytrace_transaction_id
) AS history ON history.paytrace_transaction_id = latest.paytrace_transaction_id
LEFT JOIN
(
    SELECT
        paytrace_transaction_id,
        countIf(record_type = 'PaymentAwaitsRisk') AS waits,
        countIf(record_type IN ('PaymentIdentified', 'MovementRecorded')) AS gone,
        countIf(record_type NOT IN ('PaymentAwaitsRisk', 'PaymentIdentified', 'MovementRecorded')) AS others
    FROM rpt_movements_now
    GROUP BY paytrace_transaction_id
) AS moved ON moved.paytrace_transaction_id = latest.paytrace_transaction_id
COMMENT 'Whether each payment that rules of risk looked at may go on, and where its money is meanwhile'
