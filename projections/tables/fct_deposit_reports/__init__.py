"""fct_deposit_reports: its columns and the function that fills it."""
