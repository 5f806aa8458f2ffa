-- Which records are parked, where, why, and with how much money in them?
-- One row for each parked record, oldest first; those behind another one of their key name its offset.
-- period parked_at: when it was parked
SELECT
    parked_at,
    inbox_topic,
    inbox_partition,
    inbox_offset,
    record_key,
    record_type,
    error_type,
    message,
    behind,
    paytrace_transaction_id,
    signed_minor,
    currency,
    task
FROM fct_parked
WHERE state = 'PARKED'
ORDER BY parked_at, inbox_topic, inbox_partition, inbox_offset
