"""fct_settlement_batches: its columns and the function that fills it."""
