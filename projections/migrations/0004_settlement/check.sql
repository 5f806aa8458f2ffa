SELECT throwIf(count() != 6, 'tables or views of settlement are missing')
FROM system.tables
WHERE database = currentDatabase() AND name IN ('fct_settlement_lines', 'fct_deposit_events', 'fct_settlement_days',
    'fct_fee_schedules', 'rpt_bank_lines_now', 'rpt_deposit_bridge')
