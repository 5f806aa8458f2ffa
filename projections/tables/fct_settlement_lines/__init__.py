"""fct_settlement_lines: its shape in SQL and the function that fills it."""
