"""fct_suggestions: its columns and the function that fills it."""
