"""fct_risk: its columns and the function that fills it."""
