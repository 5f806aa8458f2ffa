"""fct_decisions: its columns and the function that fills it."""
