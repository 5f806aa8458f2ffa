"""Operator commands: written to the inbox that they are about, and their outcome read back."""
