"""An answer as a page shows it: headings in words, money in major units, ids as links to their story."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from projections.console import links
from projections.console.shown import UNITS, money
from projections.reports.questions import COORDINATES, MINOR, Answer
from projections.reports.words import in_words

_INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
PAYMENT = "paytrace_transaction_id"
CODES = frozenset({"reason", "last_event", "record_type", "decision"})
# Shorter words where the page has little room; the column keeps its name in every file.
HEADINGS = {
    PAYMENT: "payment",
    "signed_minor": "amount",
    "abas_customer_id": "customer",
    "abas_open_item_id": "open item",
    "invoice_number": "invoice",
    "posting_reference": "reference",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One value: its text, whether it is a number, whether it asks for attention, and where it leads."""

    text: str
    is_number: bool = False
    is_alarming: bool = False
    href: str | None = None

    @property
    def is_prose(self) -> bool:
        """Long enough to be broken into lines, as a text or a record's place is; everything else stays on one."""
        return (len(self.text) > 30 and " " in self.text) or (len(self.text) > 20 and self.text.count("/") > 1)


@dataclass(frozen=True, slots=True)
class Grid:
    """Shapes: headings is (c,), rows is (n, c)."""

    headings: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


def grid(answer: Answer, *, base: str) -> Grid:
    """Lay an answer out; the coordinates of a record become one last column."""
    shown = [
        (column, _is_number(column, kind))
        for column, kind in zip(answer.columns, answer.types, strict=True)
        if column not in COORDINATES
    ]
    headings = [Cell(_heading(column), is_number) for column, is_number in shown]
    rows = [[_cell(record, column, is_number, base) for column, is_number in shown] for record in answer.records]
    if set(COORDINATES) <= set(answer.columns):
        headings.append(Cell("Record"))
        for row, record in zip(rows, answer.records, strict=True):
            row.append(Cell("/".join(str(record[column]) for column in COORDINATES)))
    return Grid(tuple(headings), tuple(map(tuple, rows)))


def _heading(column: str) -> str:
    words = HEADINGS.get(column, column.removesuffix(MINOR).replace("_", " "))
    return words[:1].upper() + words[1:]


def _cell(record: dict[str, Any], column: str, is_number: bool, base: str) -> Cell:
    value = record[column]
    if value is None:
        return Cell("", is_number)
    if column.endswith(MINOR):
        alarming = column in ("residual_minor", "unexplained_minor") and value != 0
        major = record[column.removesuffix(MINOR)]
        unknown = f"{value}{UNITS}" if record.get("currency") else str(value)
        return Cell(unknown if major is None else money(major), True, alarming)
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if column in CODES:
        text = in_words(text)
    if _INSTANT.match(text):
        text = text[:19].replace("T", " ")
    path = links.of_column(column, record)
    return Cell(text, is_number, href=f"{base}{path}" if path else None)


def _is_number(column: str, kind: str) -> bool:
    return column.endswith(MINOR) or "Int" in kind or "Float" in kind
