"""fct_payment_events: its columns and the function that fills it."""
