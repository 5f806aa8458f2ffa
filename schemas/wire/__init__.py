"""Records to bytes and back, and what travels beside them."""
