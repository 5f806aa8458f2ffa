"""fct_deposit_events: its columns and the function that fills it."""
