CREATE OR REPLACE VIEW rpt_unrecognized_now AS
WITH latest AS
(
    -- By the time of the observation: one that arrives late must not end or begin the waiting.
    SELECT *
    FROM fct_unrecognized FINAL
    ORDER BY occurred_at DESC, record_type = 'PaymentStatusUnrecognized' DESC, source_offset DESC
    LIMIT 1 BY paytrace_transaction_id
),
begun AS
(
    SELECT
        reported.paytrace_transaction_id AS paytrace_transaction_id,
        min(reported.occurred_at) AS waiting_since
    FROM fct_unrecognized AS reported FINAL
    INNER JOIN latest ON latest.paytrace_transaction_id = reported.paytrace_transaction_id
    WHERE reported.record_type = 'PaymentStatusUnrecognized'
        AND reported.reason = latest.reason AND reported.raw_status = latest.raw_status AND reported.raw_kind = latest.raw_kind
    GROUP BY reported.paytrace_transaction_id
)
SELECT
    latest.paytrace_transaction_id AS paytrace_transaction_id,
    begun.waiting_since AS waiting_since,
    toDate32(toTimeZone(begun.waiting_since, {day_zone:String})) AS waiting_on,
    latest.reason AS reason,
    latest.said AS detail,
    latest.kind AS kind,
    latest.method AS method,
    latest.merchant AS merchant,
    latest.raw_kind AS raw_kind,
    latest.raw_status AS raw_status,
    latest.raw_amount AS raw_amount,
    latest.amount_minor AS amount_minor,
    latest.signed_minor AS signed_minor,
    isNotNull(latest.amount_minor) AS has_amount,
    latest.currency AS currency,
    latest.invoice_number AS invoice_number,
    latest.vault_customer_id AS vault_customer_id,
    latest.occurred_at AS occurred_at,
    latest.recorded_at AS recorded_at,
    latest.source_topic AS source_topic,
    latest.source_partition AS source_partition,
    latest.source_offset AS source_offset
FROM latest
INNER JOIN begun ON begun.paytrace_transaction_id = latest.paytrace_transaction_id
WHERE latest.record_type = 'PaymentStatusUnrecognized'
COMMENT 'Transactions whose latest observation can not be read: not proved to be money, and not proved to be none'
