"""fct_dispute_events: its columns and the function that fills it."""
