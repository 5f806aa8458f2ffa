"""fct_observations: its columns and the function that fills it."""
