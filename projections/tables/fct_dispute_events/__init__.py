"""fct_disputes: its columns and the function that fills it."""
