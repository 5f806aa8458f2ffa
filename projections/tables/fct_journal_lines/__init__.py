"""fct_settlement_lines: its columns and the function that fills it."""
