"""Labelled two-sided books with known trouble, for the matching engine's tests and benchmark."""

from tests.support.matchgen.generate import LEVELS, Labelled, generate

__all__ = ["LEVELS", "Labelled", "generate"]
