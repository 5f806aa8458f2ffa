CREATE OR REPLACE VIEW fct_parked AS
WITH
parking AS
(
    SELECT
        inbox_topic,
        inbox_partition,
        inbox_offset,
        multiIf(countIf(change = 'DISCARDED') > 0, 'DISCARDED', countIf(change = 'RELEASED') > 0, 'RELEASED', 'PARKED') AS state,
        argMin(journal.record_key, journal.source_offset) AS record_key,
        argMinIf(journal.behind, journal.source_offset, change = 'PARKED') AS behind,
        argMinIf(journal.error_type, journal.source_offset, change = 'PARKED') AS error_type,
        argMinIf(journal.message, journal.source_offset, change = 'PARKED') AS message,
        argMaxIf(journal.requested_by, journal.source_offset, change != 'PARKED') AS requested_by,
        argMaxIf(journal.reason, journal.source_offset, change = 'DISCARDED') AS reason,
        min(journal.recorded_at) AS parked_at,
        argMin(journal.source_topic, journal.source_offset) AS source_topic,
        argMin(journal.source_partition, journal.source_offset) AS source_partition,
        min(journal.source_offset) AS source_offset
    FROM fct_parking AS journal FINAL
    GROUP BY inbox_topic, inbox_partition, inbox_offset
),
letters AS
(
    SELECT *
    FROM fct_dead_letters FINAL
    ORDER BY source_offset
    LIMIT 1 BY inbox_topic, inbox_partition, inbox_offset
)
SELECT
    parking.inbox_topic AS inbox_topic,
    parking.inbox_partition AS inbox_partition,
    parking.inbox_offset AS inbox_offset,
    parking.state AS state,
    letters.task AS task,
    parking.record_key AS record_key,
    letters.record_type AS record_type,
    letters.paytrace_transaction_id AS paytrace_transaction_id,
    letters.movement_id AS movement_id,
    letters.posting_reference AS posting_reference,
    letters.abas_customer_id AS abas_customer_id,
    letters.signed_minor AS signed_minor,
    letters.currency AS currency,
    ifNull(letters.occurred_at, parking.parked_at) AS occurred_at,
    parking.behind AS behind,
    parking.error_type AS error_type,
    parking.message AS message,
    parking.requested_by AS requested_by,
    parking.reason AS reason,
    parking.parked_at AS parked_at,
    parking.source_topic AS source_topic,
    parking.source_partition AS source_partition,
    parking.source_offset AS source_offset
FROM parking
LEFT JOIN letters USING (inbox_topic, inbox_partition, inbox_offset)
COMMENT 'Each record that was ever parked, its state now, and the money in it as its dead letter tells'
