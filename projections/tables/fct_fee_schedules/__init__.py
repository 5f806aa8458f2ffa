"""fct_fee_schedules: its shape in SQL and the function that fills it."""
