"""fct_dead_letters: its columns and the function that fills it."""
