"""fct_matches: its columns and the function that fills it."""
