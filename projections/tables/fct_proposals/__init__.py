"""fct_proposals: its columns and the function that fills it."""
