-- Which records does no table show, and why?
-- One row for each record that could not be read, cannot be true, or holds what a table does not take; newest first.
-- The bytes stay in the topic: `saldo read` shows them. `parked` says what became of it where an agent parked it too, or
-- a person gave it up.
-- parameter place String = all: only the record of this place, topic/partition/offset; empty for all
-- period recorded_at: when it was written
SELECT
    unreadable.recorded_at AS recorded_at,
    toString(unreadable.source_topic) AS source_topic,
    unreadable.source_partition AS source_partition,
    unreadable.source_offset AS source_offset,
    toString(unreadable.error_type) AS error_type,
    unreadable.message AS message,
    unreadable.value_bytes AS value_bytes,
    multiIf(
        parked.state != '', toString(parked.state),
        (unreadable.source_topic, unreadable.source_partition, unreadable.source_offset) IN
        (
            SELECT source_topic, source_partition, assumeNotNull(given_up_offset)
            FROM fct_unreadable FINAL
            WHERE given_up_offset IS NOT NULL
        ), 'DISCARDED',
        ''
    ) AS parked
FROM fct_unreadable AS unreadable FINAL
LEFT JOIN fct_parked AS parked
    ON parked.inbox_topic = unreadable.source_topic
    AND parked.inbox_partition = unreadable.source_partition
    AND parked.inbox_offset = unreadable.source_offset
WHERE unreadable.given_up_offset IS NULL
    AND ({place:String} = '' OR {place:String} = concat(toString(unreadable.source_topic), '/',
        toString(unreadable.source_partition), '/', toString(unreadable.source_offset)))
ORDER BY recorded_at DESC, source_topic, source_partition, source_offset
