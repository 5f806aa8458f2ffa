"""fct_parking: its shape in SQL and the function that fills it."""
