"""fct_movements: its shape in SQL and the function that fills it."""
