"""fct_records: its shape in SQL and the function that fills it."""
