"""fct_alerts: its columns and the function that fills it."""
