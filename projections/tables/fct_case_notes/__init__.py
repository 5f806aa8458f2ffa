"""fct_case_notes: its columns and the function that fills it."""
