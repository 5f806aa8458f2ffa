"""The matching engine: it is given lines and rules, and reads no file."""
