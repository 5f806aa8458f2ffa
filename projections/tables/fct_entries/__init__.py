"""fct_entries: its columns and the function that fills it."""
