"""What a product category is called that nobody names."""

UNKNOWN_CATEGORY = "UNKNOWN"
