"""fct_journal_lines: its columns and the function that fills it."""
