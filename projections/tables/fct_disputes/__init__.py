"""fct_postings: its shape in SQL and the function that fills it."""
