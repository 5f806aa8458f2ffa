SELECT throwIf(count() != 33, 'expected 33 tables and views')
FROM system.tables
WHERE database = currentDatabase() AND name != 'saldo_migrations'
