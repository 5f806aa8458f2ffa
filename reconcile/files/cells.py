"""A cell of a table as a text; what counts as nothing in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconcile.files.values import BadValue, DateOrder, read_date

NOTHING = frozenset({"", "-", "--", "\u2013", "\u2014", "n/a"})


def text_of(cell: Any) -> str:
    """Return a cell as it reads: a whole number without decimals, nothing for an empty one."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


def joined(row: Sequence[Any]) -> str:
    """Return the texts of a row, one after the other."""
    return " ".join(filter(None, map(text_of, row)))


def is_date(value: str) -> bool:
    """Return whether a text reads as a day."""
    try:
        return read_date(value, DateOrder(True)) is not None
    except BadValue:
        return False


def has_letter(text: str) -> bool:
    """Return whether a text has a letter."""
    return any(char.isalpha() for char in text)
