"""fct_settlement_days: its shape in SQL and the function that fills it."""
