"""Reads the cells of PayTrace's rows, whatever type they come in, for every mapping of this room.

Protects one promise: a card or bank number that somebody typed into any field is cut to its last four digits, and a
security code to nothing, before it becomes part of a record. A cell that is no text, number or id is named in
UnreadableRow. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.paytrace.errors import UnreadableRow
from connectors.paytrace.readings import to_instant, to_minor
from schemas.checks.plausibility import plain_text
from schemas.checks.sensitive import mask_card_numbers, mask_sensitive

_MAX_TEXT: Final = 1000
_MAX_SHOWN: Final = 100
_MAX_KEY: Final = 255  # as long as a vault id of any documented API version, and room to spare
_LAST_FOUR: Final = re.compile(r"(\d{4})\s*$", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")


def present(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Return the first of these names that the row has with a value; the first of all when it has none."""
    return next((name for name in names if row.get(name) not in (None, "")), names[0])


def text(row: Mapping[str, Any], name: str) -> str:
    """Return one cell as masked text, empty when there is none; UnreadableRow when it is a list or an object."""
    value = row.get(name)
    match value:
        case None:
            return ""
        case str():
            return plain_text(mask_sensitive(value[:_MAX_TEXT]))
        case bool() | int() | Decimal():
            return mask_card_numbers(str(value)[:_MAX_TEXT])
        case _:
            raise UnreadableRow(name, f"expected a text, got a {type(value).__name__}")


def text_or_empty(row: Mapping[str, Any], name: str) -> str:
    """Return one cell as masked text; empty also when it is no text."""
    return text(row, name) if is_scalar(row.get(name)) else ""


def optional(row: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Return the first of these cells that says something, or None."""
    return text(row, present(row, names)).strip() or None


def identity(row: Mapping[str, Any], names: tuple[str, ...], what: str = "a transaction id") -> str:
    """Return an id that PayTrace gave; UnreadableRow when it is none, or a card number stands in its place."""
    name = present(row, names)
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise UnreadableRow(name, f"expected {what}")
    found = str(value).strip()
    if not _ID.fullmatch(found):
        raise UnreadableRow(name, f"expected {what}")
    if mask_card_numbers(found) != found:
        raise UnreadableRow(name, f"holds a card number instead of {what}")
    return found


def chosen_key(row: Mapping[str, Any], names: tuple[str, ...], what: str) -> str:
    """Return an id that a merchant chose, so of any characters; UnreadableRow when empty or endless.

    It goes back to PayTrace as it is; a record that holds it masks it (schemas/checks/guard.py).
    """
    name = present(row, names)
    value = row.get(name)
    found = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not found or len(found) > _MAX_KEY or plain_text(found) != found:
        raise UnreadableRow(name, f"expected {what}")
    return found


def last_four(row: Mapping[str, Any]) -> str | None:
    """Return the last four digits of the row's masked card, or None."""
    card = row.get("credit_card")
    if isinstance(card, Mapping):
        masked = card.get("masked_number")
    else:
        masked = row.get(present(row, ("masked_card_number", "card_masked")))
    digits = _LAST_FOUR.search(masked) if isinstance(masked, str) else None
    return digits[1] if digits else None


def is_scalar(value: object) -> bool:
    """Return whether a value may stand in one cell."""
    return value is None or isinstance(value, str | int | Decimal)


def safe_value(value: object) -> object:
    """Return a cell as raw may keep it: masked, cut to length, numbers as plain digits."""
    if isinstance(value, str):
        return mask_sensitive(value[:_MAX_TEXT])
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        # A number too long for an id or an amount may be a card number that someone put there.
        digits = str(value)
        masked = mask_card_numbers(digits)
        if masked != digits or len(digits) > 19:
            return masked[:_MAX_TEXT]
        return value if isinstance(value, int) else _plain_decimal(value)
    return value


def _plain_decimal(value: Decimal) -> Decimal | str:
    """1E+2 is no JSON that every reader likes, and NaN is none at all."""
    if not value.is_finite() or abs(value.adjusted()) > 19:
        return str(value)
    return Decimal(format(value, "f"))


class WholeRow:
    """A row that is read to its end: what can't be read is named in problem, and the rest is kept.

    problem is the first field that can't be read, with the reason; None while all could be read.
    """

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row
        self.problem: str | None = None

    def text(self, *names: str) -> str:
        """Return the first of these cells that has a value, as masked text; empty when it can't be read."""
        try:
            return text(self.row, present(self.row, names))
        except UnreadableRow as error:
            self._note(error)
            return ""

    def optional(self, *names: str) -> str | None:
        """Return the first of these cells that says something, or None."""
        return self.text(*names).strip() or None

    def part(self, outer: str, name: str) -> str:
        """Return a cell inside another one, as masked text; empty when it is not there or can't be read."""
        inner = self.row.get(outer)
        try:
            return text(inner, name) if isinstance(inner, Mapping) else ""
        except UnreadableRow as error:
            self._note(error)
            return ""

    def instant(self, name: str, written: str, zone: ZoneInfo, *, fold: int) -> datetime | None:
        """Return a clock text as an instant in UTC, None when it can't be read."""
        try:
            return to_instant(name, written, zone, fold=fold)
        except UnreadableRow as error:
            self._note(error)
            return None

    def cents(self, names: tuple[str, ...], currency: str) -> tuple[int, str | None]:
        """Return the first of these amounts in cents, its sign included.

        (0, the cell as it came) when it can't be read.
        """
        name = present(self.row, names)
        try:
            return to_minor(name, self.row.get(name), currency), None
        except UnreadableRow:
            return 0, self.as_it_came(*names)

    def as_it_came(self, *names: str) -> str:
        """Return the first of these cells for a person's eye: masked, short, empty when there is none."""
        value = self.row.get(present(self.row, names))
        if value is None:
            return ""
        return str(safe_value(value))[:_MAX_SHOWN] if is_scalar(value) else f"[{type(value).__name__}]"

    def _note(self, error: UnreadableRow) -> None:
        self.problem = self.problem or mask_card_numbers(str(error))
