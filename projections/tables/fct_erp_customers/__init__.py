"""fct_erp_customers: its columns and the function that fills it."""
