"""fct_deposit_events: its shape in SQL and the function that fills it."""
