"""fct_open_items: its columns and the function that fills it."""
