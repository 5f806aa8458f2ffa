"""fct_records: its columns and the function that fills it."""
