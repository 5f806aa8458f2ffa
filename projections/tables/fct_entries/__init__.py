"""fct_entries: its shape in SQL and the function that fills it."""
