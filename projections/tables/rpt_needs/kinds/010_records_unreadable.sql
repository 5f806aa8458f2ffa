-- Records that no table shows, unless they are parked or were given up.
SELECT 'records unreadable', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
FROM fct_unreadable FINAL
WHERE given_up_offset IS NULL
    AND (source_topic, source_partition, source_offset) NOT IN
    (SELECT toString(inbox_topic), inbox_partition, inbox_offset FROM fct_parked)
    AND (source_topic, source_partition, source_offset) NOT IN
    (
        SELECT toString(source_topic), source_partition, assumeNotNull(given_up_offset)
        FROM fct_unreadable FINAL
        WHERE given_up_offset IS NOT NULL
    )
HAVING count() > 0
