"""fct_charge_holds: its columns and the function that fills it."""
