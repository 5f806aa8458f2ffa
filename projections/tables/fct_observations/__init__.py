"""fct_observations: its shape in SQL and the function that fills it."""
