"""fct_settlement_batches: its shape in SQL and the function that fills it."""
