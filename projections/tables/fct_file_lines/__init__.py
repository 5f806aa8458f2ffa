"""fct_file_lines: its columns and the function that fills it."""
