SELECT throwIf(count() != 1, 'fct_settlement_batches is not there')
FROM system.tables
WHERE database = currentDatabase() AND name = 'fct_settlement_batches'
