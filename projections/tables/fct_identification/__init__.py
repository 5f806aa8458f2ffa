"""fct_identification: its shape in SQL and the function that fills it."""
