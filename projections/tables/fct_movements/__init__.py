"""fct_movements: its columns and the function that fills it."""
