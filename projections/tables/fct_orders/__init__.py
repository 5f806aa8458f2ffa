"""fct_orders: its columns and the function that fills it."""
