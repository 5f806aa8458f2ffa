"""fct_payment_methods: its columns and the function that fills it."""
