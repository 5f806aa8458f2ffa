"""Table saldo_positions."""
