"""fct_document_lines: its columns and the function that fills it."""
