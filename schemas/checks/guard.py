"""The one guard: what a record may hold, by the class of each of its fields.

Each field of the contract states its class (`saldo_class` in the .avsc). The guard stands where records are built and
where they are read: the codec calls it on both sides, so that no door has to think of it and a foreign producer's
record is masked before anybody sees it.

    public      figures, codes and names that Saldo gives; texts among them are masked like references
    reference   what names something: numbers of customers, invoices, payments, and keys made of them
    free_text   words of people, banks and other systems
    personal    who somebody is
    card        what is left of a card: last four, brand, expiry, answers about its code

A masked number keeps its identity (schemas/checks/sensitive/identity.py), so references still match, and masking is
done after one pass: what is decided live and what is restored from a journal are the same (docs/adr/0052).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from functools import cache, partial
from operator import attrgetter
from typing import Any, TypeVar

from schemas import catalog
from schemas.catalog import FieldClass
from schemas.checks.sensitive import (
    Finding,
    GuardKeyMissing,
    find_sensitive,
    has_guard_key,
    known_clean,
    mask_card_numbers,
    mask_reference,
    mask_sensitive,
)
from schemas.checks.sensitive.identity import mask_of

R = TypeVar("R")
Mask = Callable[[str], str]
Opened = Callable[[bytes], bytes | None]

_LAST_FOUR = 4
_NOT_ALNUM = re.compile(r"[\W_]+")
# Digits of a field about a card that are more than an expiry, whatever their check digit says.
_CARD_DIGITS = re.compile(r"\d(?:[\W_]{0,3}\d){8,}")
_ANY_DIGIT = re.compile(r"\d")
# Half of a SHA-256 in hexadecimal, with a letter and no run of digits that a card number or track data could be.
_DERIVED_ID = re.compile(r"(?=\d*[a-f])(?!.*\d{12})[0-9a-f]{32}", re.ASCII)
_BARE_CODE = re.compile(r"\s*\d{3,4}\s*")


def masked(record: R, opened: Opened | None = None) -> R:
    """Return a record without card numbers, security codes and bank numbers; the same object where it holds none.

    Shapes: opened gives the masked bytes of a record within a record (a dead letter's), None for what is no record.
    Raises: GuardKeyMissing when a number has to be masked and this process has no guard key.
    """
    rules = _rules(type(record).__name__)
    changes: dict[str, Any] = {}
    for (name, mask, clean), value in zip(rules.texts, rules.get_texts(record), strict=True):
        # What is of another type is for the codec to refuse.
        if value and isinstance(value, str) and value not in clean:
            kept = mask(value)
            if kept is not value and kept != value:
                changes[name] = kept
    for name, mask in rules.others:
        value = getattr(record, name)
        if value:
            kept = _masked_value(value, mask, opened)
            if kept != value:
                changes[name] = kept
    for name in rules.rows:
        held = getattr(record, name)
        masked_rows = tuple(masked(row, opened) for row in held)
        if any(row is not old for row, old in zip(masked_rows, held, strict=True)):
            changes[name] = masked_rows
    if not changes:
        return record
    if not has_guard_key():
        raise GuardKeyMissing
    return replace(record, **changes)  # type: ignore[type-var]  # every record is a dataclass; the catalogue knows them


def finding_in_texts(name: str, values: Mapping[str, Any]) -> Finding | None:
    """Return what a person is asked to take out of a record; a reference that looks alike is masked and no mistake.

    A transaction id is: PayTrace is asked about it, and its mask would be no transaction's.

    Shapes: values are JSON fields of a record type of this name, known or not.
    """
    classes = catalog.field_classes(name)
    texts = {
        field: value
        for field, value in values.items()
        if classes.get(field) is not FieldClass.REFERENCE or field.endswith("transaction_id")
    }
    return find_sensitive("record", texts)


def masked_key(key: bytes | None) -> bytes | None:
    """Return a Kafka key as records of ours carry it: a foreign producer may key by anything."""
    return None if key is None else _masked_bytes(key, mask_reference, None)


def masked_bytes(value: bytes | None) -> bytes | None:
    """Return bytes that could not be read as a record, without a card or bank number in plain sight."""
    return None if value is None else _masked_bytes(value, mask_sensitive, None)


def masked_header(text: str) -> str:
    """Return an id that came in a header of a foreign producer; an id that we derive stays without a look."""
    return text if _DERIVED_ID.fullmatch(text) else mask_reference(text)


# -- masks, made of a schema once ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rules:
    """What of one record type is looked through.

    Texts, each with its mask and what that is known to leave alone; what holds texts or bytes in another shape; lists
    of records.
    """

    texts: tuple[tuple[str, Mask, Set[str]], ...]
    get_texts: Callable[[Any], tuple[Any, ...]]
    others: tuple[tuple[str, Mask], ...]
    rows: tuple[str, ...]


@cache
def _rules(name: str) -> _Rules:
    texts: list[tuple[str, Mask]] = []
    others: list[tuple[str, Mask]] = []
    rows: list[str] = []
    for field in catalog.fields_of(name):
        if catalog.row_schema(field) is not None:
            rows.append(field["name"])
            continue
        kind = _plain(field["type"])
        mask = _mask_for(field["name"], catalog.field_class(name, field["name"]))
        if kind == "string":
            texts.append((field["name"], mask))
        elif kind == "bytes" or (isinstance(kind, Mapping) and _holds_text(kind)):
            others.append((field["name"], mask))
    names = [field for field, _ in texts]
    match names:
        case []:
            get: Callable[[Any], tuple[Any, ...]] = lambda _: ()  # noqa: E731
        case [only]:
            get = lambda record: (getattr(record, only),)  # noqa: E731
        case _:
            get = attrgetter(*names)
    known = tuple((name, mask, known_clean(mask)) for name, mask in texts)
    return _Rules(known, get, tuple(others), tuple(rows))


def _mask_for(name: str, of_class: FieldClass) -> Mask:
    match of_class:
        case FieldClass.PUBLIC | FieldClass.REFERENCE:
            return mask_reference
        case FieldClass.FREE_TEXT | FieldClass.PERSONAL:
            return mask_sensitive
        case FieldClass.CARD:
            return partial(_mask_card_field, name)


def _mask_card_field(name: str, text: str) -> str:
    """Last four, a brand, an expiry or an answer; longer numbers are masked, and a bare security code is dropped."""
    if _ANY_DIGIT.search(text) is None:
        return text
    if name.endswith("last_four"):
        written = _NOT_ALNUM.sub("", text)
        return text if len(written) <= _LAST_FOUR else mask_sensitive(text[-_LAST_FOUR:])
    if name.startswith("csc") and _BARE_CODE.fullmatch(text):
        return "*" * len(text.strip())
    text = mask_sensitive(text)
    return _CARD_DIGITS.sub(lambda found: mask_of(_NOT_ALNUM.sub("", found[0])), text)


def _masked_value(value: Any, mask: Mask, opened: Opened | None) -> Any:
    match value:
        case str():
            return mask(value)
        case bytes():
            return _masked_bytes(value, mask, opened)
        case Mapping():
            return {mask(key): _masked_value(item, mask, opened) for key, item in value.items()}
        case tuple() | list():
            return type(value)(_masked_value(item, mask, opened) for item in value)
    return value


def _masked_bytes(value: bytes, mask: Mask, opened: Opened | None) -> bytes:
    """Return bytes of others: a record of ours by its fields, text as text, anything else whole or not at all."""
    found = None if opened is None else opened(value)
    if found is not None:
        return found
    try:
        text = value.decode()
    except UnicodeDecodeError:
        shown = value.decode("utf-8", "replace")
        kept = mask_card_numbers(shown)
        return value if kept == shown else b"[withheld: CARD_NUMBER]"
    kept = mask(text)
    return value if kept == text else kept.encode()


def _holds_text(kind: Mapping[str, Any]) -> bool:
    return _plain(kind.get("items", kind.get("values"))) in ("string", "bytes")


def _plain(kind: Any) -> Any:
    """Return a type without its null."""
    return next(one for one in kind if one != "null") if isinstance(kind, list) else kind
