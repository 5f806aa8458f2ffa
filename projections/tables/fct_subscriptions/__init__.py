"""fct_subscriptions: its columns and the function that fills it."""
