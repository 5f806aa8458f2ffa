-- A user of a ClickHouse server that can only read Saldo's tables. Written from the manual; not run, since no server
-- was at hand (docs/adr/0044-sql-that-can-only-read.md). Run it as an administrator; replace the database and password.
CREATE ROLE IF NOT EXISTS saldo_reader;
GRANT SELECT ON saldo.* TO saldo_reader;
GRANT SELECT ON system.one, SELECT ON system.numbers, SELECT ON system.tables, SELECT ON system.columns,
    SELECT ON system.functions, SELECT ON system.databases TO saldo_reader;
-- No SOURCES grant: file(), url(), s3(), remote() and the like stay refused.
CREATE SETTINGS PROFILE IF NOT EXISTS saldo_reader SETTINGS
    readonly = 2 CONST,
    max_memory_usage = 4000000000 CONST,
    max_execution_time = 120 CONST,
    max_result_rows = 5000000 CONST,
    max_result_bytes = 1000000000 CONST
    TO saldo_reader;
CREATE USER IF NOT EXISTS saldo_reader_user IDENTIFIED WITH sha256_password BY 'replace-me' HOST ANY
    DEFAULT ROLE saldo_reader SETTINGS PROFILE saldo_reader;
