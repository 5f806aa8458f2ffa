"""fct_dispute_deadlines: its columns and the function that fills it."""
