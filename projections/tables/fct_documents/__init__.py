"""fct_documents: its shape in SQL and the function that fills it."""
