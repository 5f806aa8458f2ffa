SELECT throwIf(count() != 31, 'expected 31 tables and views')
FROM system.tables
WHERE database = currentDatabase() AND name != 'saldo_migrations'
