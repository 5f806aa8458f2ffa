"""Sources that are polled: each change published once, and what each poll last did."""
