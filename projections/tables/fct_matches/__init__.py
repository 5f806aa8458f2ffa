"""fct_matches: its shape in SQL and the function that fills it."""
