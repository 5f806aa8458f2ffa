"""Proofs over the topics: the chain of operator commands, and a rebuild that comes back identical."""
