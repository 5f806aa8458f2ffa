CREATE OR REPLACE VIEW rpt_risk_now AS
SELECT
    latest.paytrace_transaction_id AS paytrace_transaction_id,
    latest.status AS status,
    latest.outcome AS outcome,
    latest.detail AS detail,
    latest.is_refund AS is_refund,
    latest.amount_minor AS amount_minor,
    latest.currency AS currency,
    latest.shop_orders AS shop_orders,
    latest.rules_version AS rules_version,
    latest.decided_by AS decided_by,
    latest.approved_by AS approved_by,
    latest.recorded_at AS recorded_at,
    latest.found AS found,
    latest.rules_outcome AS rules_outcome,
    latest.held_since AS held_since,
    multiIf(
        moved.held > 0, 'held back',
        moved.gone > 0, 'with its customer',
        moved.others > 0, 'waits for its customer',
        'none yet'
    ) AS money
FROM
(
    SELECT
        paytrace_transaction_id,
        argMax(fct_risk.status, revision) AS status,
        argMax(fct_risk.outcome, revision) AS outcome,
        argMax(fct_risk.detail, revision) AS detail,
        argMax(fct_risk.is_refund, revision) AS is_refund,
        argMax(fct_risk.amount_minor, revision) AS amount_minor,
        argMax(fct_risk.currency, revision) AS currency,
        argMax(fct_risk.shop_orders, revision) AS shop_orders,
        argMax(fct_risk.rules_version, revision) AS rules_version,
        argMax(fct_risk.decided_by, revision) AS decided_by,
        argMax(fct_risk.approved_by, revision) AS approved_by,
        argMax(fct_risk.recorded_at, revision) AS recorded_at,
        argMaxIf(fct_risk.detail, revision, fct_risk.status = 'HELD') AS found,
        argMaxIf(fct_risk.outcome, revision, fct_risk.status = 'HELD') AS rules_outcome,
        minIf(fct_risk.recorded_at, fct_risk.status = 'HELD') AS held_since
    FROM fct_risk FINAL
    GROUP BY paytrace_transaction_id
) AS latest
LEFT JOIN
(
    SELECT
        paytrace_transaction_id,
        countIf(record_type = 'PaymentAwaitsRisk') AS held,
        countIf(record_type IN ('PaymentIdentified', 'MovementRecorded')) AS gone,
        count() AS others
    FROM rpt_movements_now
    GROUP BY paytrace_transaction_id
) AS moved ON moved.paytrace_transaction_id = latest.paytrace_transaction_id
COMMENT 'Each payment that rules of risk looked at: whether it may go on, and where its money is meanwhile'
