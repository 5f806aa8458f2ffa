"""fct_ledger_documents: its columns and the function that fills it."""
