"""What is written into an ERP, as data: one YAML for each kind of document and of record, whoever the ERP is.

A kind with `lines` is a document: posted once, never changed, taken back by another document. A kind without is a
record, of master data or a business paper: created, and changed where its version is still the expected one. Where in
an ERP a kind goes is in the ERP's own mapping profile. How to add one: docs/documents.md.

The codec refuses a command that its kind does not allow (schemas/plausibility.py), so none is built, sent or acted on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.money import Money

ROOT = Path(__file__).parent

_NAME = r"^[a-z][a-z0-9_]*$"


class ValueType(StrEnum):
    """How a value is written in a command: ISO day, number with a point, the ERP's number of a record, or any text."""

    TEXT = "text"
    DAY = "day"
    NUMBER = "number"
    REFERENCE = "reference"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LineKind(_Entry):
    """One line of a document kind, and which of its optional fields it may carry."""

    role: str = Field(pattern=_NAME)
    side: Literal["debit", "credit"]
    takes: frozenset[Literal["open_item", "cost_centre", "tax_code", "text"]] = frozenset()


class Kind(_Entry):
    """One kind of document or record."""

    kind: str = Field(pattern=_NAME)
    subject: Literal["customer", "account"] | None = None
    values: Mapping[str, ValueType]
    requires: frozenset[str] | None = None  # of a record; a document carries every value
    lines: tuple[LineKind, ...] = ()
    reversed_by: str | None = None
    row_values: Mapping[str, ValueType] = {}

    @property
    def is_document(self) -> bool:
        """Whether it is posted once, or else a record that may change."""
        return bool(self.lines)

    @property
    def required(self) -> frozenset[str]:
        """Values without which there is no command."""
        return frozenset(self.values) if self.requires is None else self.requires

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Kind:
        if self.is_document != (self.subject is not None):
            raise ValueError("a document has lines and a subject, a record has neither")
        if self.is_document and (self.row_values or self.requires is not None):
            raise ValueError("row_values and requires are for records: a document has lines, and all its values")
        if not self.is_document and self.reversed_by is not None:
            raise ValueError("a record is changed, not reversed")
        if len({line.role for line in self.lines}) < len(self.lines):
            raise ValueError("each line has a role of its own")
        if self.required - set(self.values):
            raise ValueError(f"requires what values lacks: {', '.join(sorted(self.required - set(self.values)))}")
        return self


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind by name.

    Raises: ValueError naming the file when one is no kind, or is reversed by none.
    """
    found: dict[str, Kind] = {}
    for path in sorted(ROOT.glob("*.yaml")):
        try:
            kind = Kind.model_validate(yaml.safe_load(path.read_text("utf-8")))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if kind.kind != path.stem:
            raise ValueError(f"{path}: kind is {kind.kind}; name the file like its kind")
        found[kind.kind] = kind
    for kind in found.values():
        other = found.get(kind.reversed_by) if kind.reversed_by is not None else None
        if kind.reversed_by is not None and (other is None or not other.is_document):
            raise ValueError(f"{ROOT / kind.kind}.yaml: reversed_by {kind.reversed_by}, which is no document")
    return MappingProxyType(found)


@cache
def reversals() -> Mapping[str, str]:
    """Kinds that take another one back, each with the one that it takes back."""
    return MappingProxyType({kind.reversed_by: kind.kind for kind in kinds().values() if kind.reversed_by is not None})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a command's kind does not allow."""

    field: str
    value: object
    remedy: str


def faults(command: Any) -> Iterator[Fault]:
    """What is wrong with a PostDocument or SaveRecord by its kind; nothing for any other record."""
    match type(command).__name__:
        case "PostDocument":
            yield from _document_faults(command)
        case "SaveRecord":
            yield from _record_faults(command)


def _document_faults(command: Any) -> Iterator[Fault]:
    kind = kinds().get(command.kind)
    if kind is None or not kind.is_document:
        yield _unknown(command.kind, [kind.kind for kind in kinds().values() if kind.is_document])
        return
    if command.subject_kind.value != str(kind.subject).upper():
        yield Fault("subject_kind", command.subject_kind.value, f"a {kind.kind} belongs to an {kind.subject}")
    is_reversal = kind.kind in reversals()
    if is_reversal != (command.reverses_reference is not None):
        remedy = "name the document that is taken back" if is_reversal else "leave it out: it takes nothing back"
        yield Fault("reverses_reference", command.reverses_reference, remedy)
    yield from _value_faults("values", command.values, kind.values, kind.required)
    wanted = [(line.role, line.side.upper()) for line in kind.lines]
    given = [(line.role, line.side.value) for line in command.lines]
    if given != wanted:
        yield Fault("lines", given, f"a {kind.kind} has the lines {', '.join(f'{r} {s}' for r, s in wanted)}")
        return
    sums: Counter[str] = Counter()
    for index, (line, of_kind) in enumerate(zip(command.lines, kind.lines, strict=True)):
        sums[line.currency] += line.amount_minor if line.side.value == "DEBIT" else -line.amount_minor
        for name in ("open_item", "cost_centre", "tax_code", "text"):
            if getattr(line, name) is not None and name not in of_kind.takes:
                yield Fault(f"lines[{index}].{name}", getattr(line, name), f"a {of_kind.role} line takes none")
    for currency, minor in sums.items():
        if minor:
            difference = f"{Money(minor, currency).major:f} {currency}"
            yield Fault("lines", f"off by {difference}", f"make debits and credits in {currency} equal")


def _record_faults(command: Any) -> Iterator[Fault]:
    kind = kinds().get(command.kind)
    if kind is None or kind.is_document:
        yield _unknown(command.kind, [kind.kind for kind in kinds().values() if not kind.is_document])
        return
    if not command.natural_key:
        yield Fault("natural_key", "", "name the record as the other side knows it")
    yield from _value_faults("values", command.values, kind.values, kind.required)
    if command.rows and not kind.row_values:
        yield Fault("rows", len(command.rows), f"a {kind.kind} has no rows")
        return
    keys: set[str] = set()
    for index, row in enumerate(command.rows):
        if not row.row_key or row.row_key in keys:
            yield Fault(f"rows[{index}].row_key", row.row_key, "give each row a key of its own")
        keys.add(row.row_key)
        yield from _value_faults(f"rows[{index}].values", row.values, kind.row_values, frozenset(kind.row_values))


def _unknown(kind: str, known: list[str]) -> Fault:
    return Fault("kind", kind, f"name one of {', '.join(known)} (schemas/documents)")


def _value_faults(
    where: str, values: Mapping[str, str], types: Mapping[str, ValueType], required: frozenset[str]
) -> Iterator[Fault]:
    for role in sorted(required - {role for role, value in values.items() if value}):
        yield Fault(f"{where}.{role}", "missing", "give it a value")
    for role, value in values.items():
        of_type = types.get(role)
        if of_type is None:
            yield Fault(f"{where}.{role}", value, f"use {', '.join(types)}")
        elif value and not _reads_as(value, of_type):
            shape = {"day": "a day such as 2026-11-30", "number": "a number such as 45.00"}
            yield Fault(f"{where}.{role}", value, f"write {shape[of_type]}")


def _reads_as(value: str, of_type: ValueType) -> bool:
    try:
        match of_type:
            case ValueType.DAY:
                date.fromisoformat(value)
            case ValueType.NUMBER:
                return Decimal(value).is_finite()
    except (ValueError, InvalidOperation):
        return False
    return True
