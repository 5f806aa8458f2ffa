"""fct_disputes: its shape in SQL and the function that fills it."""
