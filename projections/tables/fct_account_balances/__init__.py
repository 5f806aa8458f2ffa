"""fct_account_balances: its columns and the function that fills it."""
