"""fct_suggestions: its shape in SQL and the function that fills it."""
