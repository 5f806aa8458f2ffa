"""A number with what it counts, as every message, page and report writes it."""

from __future__ import annotations


def counted(number: int, words: str) -> str:
    """Return a number with the singular or plural of "singular|plural": 1 task waits, 2,000 tasks wait.

    A word alone takes an s: counted(2, "record") is "2 records".
    """
    one, _, many = words.partition("|")
    return f"{number:,} {one if abs(number) == 1 else many or f'{one}s'}"
