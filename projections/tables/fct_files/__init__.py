"""fct_files: its columns and the function that fills it."""
