"""fct_unrecognized: its shape in SQL and the function that fills it."""
