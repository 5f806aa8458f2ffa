"""fct_decisions: its shape in SQL and the function that fills it."""
