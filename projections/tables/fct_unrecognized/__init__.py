"""fct_unrecognized: its columns and the function that fills it."""
