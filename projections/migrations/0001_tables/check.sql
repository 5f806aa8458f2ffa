SELECT throwIf(count() != 29, 'expected 29 tables and views')
FROM system.tables
WHERE database = currentDatabase() AND name != 'saldo_migrations'
