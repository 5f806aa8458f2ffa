"""fct_customer_links: its columns and the function that fills it."""
