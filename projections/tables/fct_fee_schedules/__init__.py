"""fct_fee_schedules: its columns and the function that fills it."""
