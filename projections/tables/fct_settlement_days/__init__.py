"""fct_settlement_days: its columns and the function that fills it."""
