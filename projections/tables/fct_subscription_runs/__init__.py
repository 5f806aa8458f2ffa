"""fct_subscription_runs: its columns and the function that fills it."""
