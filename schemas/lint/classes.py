"""Rules on the class of each field: what it may hold, by which the guard masks it (schemas/checks/guard.py)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.catalog import FieldClass
from schemas.lint.files import Contract, Problem, SchemaFile
from schemas.lint.walk import core, records

CLASS = "saldo_class"
# A field that may differ in class from others of its name says why.
WHY_OTHER = "saldo_class_because"
_KNOWN = tuple(FieldClass)
_TEXTS = ("string", "bytes")


def class_rules(contract: Contract) -> list[Problem]:
    """Return findings on fields without a class, of an unknown one, or of another one than elsewhere.

    A text and a number, date or enumeration of one name are different things, so each has its own class.
    """
    found = [
        (schema, where, field)
        for schema in contract.every()
        for path, record in records(schema.schema)
        for field in record["fields"]
        for where in (f"{path}.{field['name']}" if path else field["name"],)
    ]
    problems = [problem for schema, where, field in found for problem in _one(schema, where, field)]
    return [*problems, *_agreement(found)]


def is_text(field: Mapping[str, Any]) -> bool:
    """Return whether a field holds text or bytes, alone or in a list or map."""
    kind = core(field["type"])
    inner = kind.get("items", kind.get("values"))
    return (kind if inner is None else core(inner))["type"] in _TEXTS


def _one(schema: SchemaFile, where: str, field: Mapping[str, Any]) -> Iterator[Problem]:
    given = field.get(CLASS)
    if given is None:
        yield Problem(schema.file, f"field {where} has no {CLASS}", f"say what it may hold: {', '.join(_KNOWN)}")
    elif given not in _KNOWN:
        yield Problem(schema.file, f"field {where} has {CLASS} {given!r}", f"use one of {', '.join(_KNOWN)}")


def _agreement(found: list[tuple[SchemaFile, str, Mapping[str, Any]]]) -> Iterator[Problem]:
    given: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    for _, _, field in found:
        if field.get(CLASS) in _KNOWN:
            given[field["name"], is_text(field)][field[CLASS]] += 1
    for schema, where, field in found:
        classes = given.get((field["name"], is_text(field)), Counter())
        usual = min(classes, key=lambda one: (-classes[one], one), default=None)
        if field.get(CLASS) in _KNOWN and field[CLASS] != usual and not str(field.get(WHY_OTHER, "")).strip():
            yield Problem(
                schema.file,
                f"field {where} is {field[CLASS]} and {usual} elsewhere",
                f"give fields of one name one class, or say in {WHY_OTHER} why this one differs",
            )
