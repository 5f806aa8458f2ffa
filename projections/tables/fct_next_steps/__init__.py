"""fct_next_steps: its columns and the function that fills it."""
