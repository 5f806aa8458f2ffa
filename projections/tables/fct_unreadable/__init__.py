"""fct_unreadable: its columns and the function that fills it."""
