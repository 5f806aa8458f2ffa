"""fct_proposals: its shape in SQL and the function that fills it."""
