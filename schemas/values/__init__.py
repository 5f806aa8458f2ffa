"""Values that every context shares: money, business days, references, counted words."""
