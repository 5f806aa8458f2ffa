"""fct_customer_values: its columns and the function that fills it."""
