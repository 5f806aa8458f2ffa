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
# The field of the same record that says whose value a personal field is; it is sealed then (schemas/checks/sealing.py).
SUBJECT = "saldo_subject"
# Why a personal field is not sealed. Those that end in _by name people of ours, and an audit needs them.
WHY_PLAIN = "saldo_plain_because"
_KNOWN = tuple(FieldClass)
_TEXTS = ("string", "bytes")


def class_rules(contract: Contract) -> list[Problem]:
    """Return findings on fields without a class, of an unknown one, of another one than elsewhere, or not sealed.

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
    sealing = [
        problem
        for schema in contract.every()
        for path, record in records(schema.schema)
        for field in record["fields"]
        for problem in _sealing(schema, path, field, record)
    ]
    return [*problems, *sealing, *_agreement(found)]


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


def _sealing(schema: SchemaFile, path: str, field: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Problem]:
    """Find personal values that could never be erased, and subjects that name nobody."""
    where = f"{path}.{field['name']}" if path else field["name"]
    subject = field.get(SUBJECT)
    if subject is None:
        is_ours = field["name"].endswith("_by") or str(field.get(WHY_PLAIN, "")).strip()
        if field.get(CLASS) == FieldClass.PERSONAL and not is_ours:
            yield Problem(
                schema.file,
                f"field {where} is personal and not sealed",
                f"name in {SUBJECT} the field that says whose value it is, or say in {WHY_PLAIN} why it is not",
            )
        return
    kind = core(field["type"])
    if path or field.get(CLASS) != FieldClass.PERSONAL or "string" not in (kind.get("type"), kind.get("values")):
        yield Problem(
            schema.file,
            f"field {where} has {SUBJECT}",
            "only a personal text of the record itself, or a map of texts, is sealed: make it one, or drop it",
        )
    named = next((one for one in record["fields"] if one["name"] == subject), None)
    if named is None or named["type"] != "string" or named.get(CLASS) != FieldClass.REFERENCE:
        yield Problem(
            schema.file,
            f"{SUBJECT} of {where} is {subject!r}",
            "name a reference of the same record that is never null",
        )


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
