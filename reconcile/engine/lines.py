"""What the engine matches: lines of two sides, and how the signs of the two sides relate.

A line is one row of a ledger, a bank statement, an open-item list or a gateway export, reduced to what any
matching rule may look at. Everything else a source knows stays in `extra`, as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})


class Side(StrEnum):
    """Which of the two files or books a line came from."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class Orientation(StrEnum):
    """How the sign of the right side relates to the left one; found once for the whole data set.

    SAME: money in is positive on both. OPPOSITE: a credit on one side is a debit on the other.
    MAGNITUDE: one side carries no sign at all, so only the size of an amount can be compared.
    """

    SAME = "same"
    OPPOSITE = "opposite"
    MAGNITUDE = "magnitude"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of one side.

    Units: amount_minor is signed, in minor units of currency (cents for USD, yen for JPY).
    Ensures: id is unique within its side; on is None when the source has no date; numbered means that the source has no
             ids and this one tells the line's place in it, so row-2 here and row-2 there have nothing in common;
             account is the shown end of the bank account that a file names, never its number; bank_reference is what
             the bank itself calls the line in each of its files, empty where the file does not say.
    """

    id: str
    side: Side
    amount_minor: int
    currency: str
    on: date | None = None
    value_on: date | None = None
    text: str = ""
    counterparty: str = ""
    references: tuple[str, ...] = ()
    batch_key: str = ""
    numbered: bool = field(default=False, compare=False)
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING, compare=False)
    account: str = field(default="", compare=False)
    bank_reference: str = field(default="", compare=False)

    @property
    def day(self) -> int | None:
        """The posting date as a day number (or the value date where there is no other)."""
        on = self.on or self.value_on
        return on.toordinal() if on else None


def in_order(lines: Sequence[Line]) -> list[Line]:
    """Return lines by date, size and id ("L-9" before "L-10"), so that no answer depends on the order of a file."""
    return sorted(lines, key=lambda line: (line.day or 0, abs(line.amount_minor), len(line.id), line.id))
