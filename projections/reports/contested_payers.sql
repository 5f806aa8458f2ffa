-- Which payments were identified with a customer whom a reference of higher priority contests?
-- One row for each payment, longest contested first, until a person keeps the customer or reassigns the payment:
-- `saldo decide assign-customer PAYMENT CUSTOMER`. The money is where it was posted; nothing moves by itself.
-- period contested_at: when it was contested
WITH
reviews AS
(
    SELECT
        paytrace_transaction_id,
        abas_customer_id,
        JSONExtractString(body, 'identified_by') AS identified_by,
        JSONExtractString(body, 'token') AS token,
        JSONExtract(body, 'abas_customer_ids', 'Array(String)') AS named_customer_ids,
        JSONExtractBool(body, 'agrees') AS agrees,
        JSONExtractString(body, 'detail') AS detail,
        recorded_at,
        source_topic,
        source_partition,
        source_offset
    FROM fct_records FINAL
    WHERE record_type = 'IdentificationReviewed'
    ORDER BY source_offset DESC
    LIMIT 1 BY paytrace_transaction_id
),
settled AS
(
    SELECT posting_reference, max(recorded_at) AS decided_at
    FROM fct_decisions FINAL
    WHERE outcome = 'TAKEN' AND decision IN ('ASSIGN_CUSTOMER', 'REASSIGN')
    GROUP BY posting_reference
)
SELECT
    reviews.recorded_at AS contested_at,
    reviews.paytrace_transaction_id AS paytrace_transaction_id,
    reviews.abas_customer_id AS abas_customer_id,
    reviews.identified_by AS identified_by,
    reviews.token AS contested_by,
    reviews.named_customer_ids AS named_customer_ids,
    reviews.detail AS detail,
    reviews.source_topic AS source_topic,
    reviews.source_partition AS source_partition,
    reviews.source_offset AS source_offset
FROM reviews
LEFT JOIN settled ON settled.posting_reference = concat('PT', reviews.paytrace_transaction_id)
WHERE NOT reviews.agrees AND (settled.posting_reference = '' OR settled.decided_at < reviews.recorded_at)
ORDER BY contested_at, paytrace_transaction_id
