"""Texts with card numbers as people type them, and honest texts that look alike; see generate.py."""
