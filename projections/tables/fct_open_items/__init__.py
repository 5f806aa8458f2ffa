"""fct_open_items: its shape in SQL and the function that fills it."""
