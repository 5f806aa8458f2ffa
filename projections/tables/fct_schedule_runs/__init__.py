"""fct_schedule_runs: its columns and the function that fills it."""
