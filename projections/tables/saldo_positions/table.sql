CREATE TABLE IF NOT EXISTS saldo_positions
(
    source_topic LowCardinality(String),
    source_partition Int32,
    next_offset Int64,
    high_water Array(String)
)
ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (source_topic, source_partition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Next offset of each partition, and the highest saldo-source accepted from each lane: one row, so both move together'
