"""fct_parking: its columns and the function that fills it."""
