SELECT throwIf(count() != 18, 'expected 18 tables and views after the spine')
FROM system.tables
WHERE database = currentDatabase() AND name != 'saldo_migrations'
