"""The processes that make a whole Saldo on one machine."""
