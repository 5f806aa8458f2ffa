"""fct_unreadable: its shape in SQL and the function that fills it."""
