"""fct_rates: its columns and the function that fills it."""
