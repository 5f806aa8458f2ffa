"""fct_dead_letters: its shape in SQL and the function that fills it."""
