"""Refuses a record that holds a card or bank number, where records are built.

What the edges mask and the ingress refuses never comes here; this finds what came by any other way. It looks at the
texts of a record one by one: two neighbouring numbers of an agent's event are two numbers, and an invoice list must not
stop money because three numbers in a row pass the Luhn test. Records of a person or a script are looked at as a whole.

A task writes thousands of events a second and the same ids again and again, so an answer about a short text is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Final, get_args, get_type_hints

from schemas import catalog
from schemas.codec import to_json
from schemas.failures import Unreadable
from schemas.sensitive import find_sensitive

# The key of a record that lies in an inbox already: whoever parks or releases it has to name it as it is.
_NAMES_A_RECORD: Final = frozenset({"record_key"})
# "csc 123" has seven characters; whatever is found has more.
_SHORTEST: Final = 6
_LONGEST_KEPT: Final = 128
_KEPT_ANSWERS: Final = 50_000
# Digits enough for a card number, the words that stand before a shorter one, or an encoding: find_sensitive finds
# nothing in a text that has none of them (tests/unit/streams/log/test_guard.py).
_WORTH_A_LOOK: Final = re.compile(
    r"\d(?:\D{0,3}\d){12}"
    r"|[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11}"
    r"|(?i:csc|cv[vcn]|code|routing|aba|transit|rtn|acct|account)"
    r"|[^\x00-\x7f]|[%&\\]|^\s*[\[{\"]|[A-Za-z0-9+/_-]{16}",
)

# Names of cells whose value needs no words before it (schemas.sensitive has the exact ones).
_NAMES_A_NUMBER: Final = re.compile(
    r"(?i:csc|cv[vcn]|cid|code|card|verif|pruef|account|dda|iban|konto|routing|aba|^tr$)"
)


class HoldsSensitive(Unreadable):
    """A text of a record holds what no topic may hold; the message names the field and never the value."""


def refuse_sensitive(record: Any, *, thorough: bool = False) -> None:
    """Raise HoldsSensitive naming the first field that holds a card, security code or bank number."""
    name = type(record).__name__
    if thorough:
        fields = {field: value for field, value in to_json(record).items() if field not in _NAMES_A_RECORD}
        finding = find_sensitive(name, fields)
        if finding is not None:
            raise _refusal(finding.field_path, finding.kind)
        return
    for field in _text_fields(name):
        value = getattr(record, field)
        if type(value) is str:
            if len(value) >= _SHORTEST:
                _refuse_text(name, field, value)
        elif value:
            for text in _texts(value):
                _refuse_text(name, field, text)


def _refuse_text(name: str, field: str, text: str) -> None:
    kind = _kind_of(field, text) if len(text) <= _LONGEST_KEPT else _look(field, text)
    if kind is not None:
        raise _refusal(f"{name}.{field}", kind)


def _refusal(path: str, kind: str) -> HoldsSensitive:
    return HoldsSensitive(f"{path} holds a {kind}; keep the last four digits or a token at most")


def _look(field: str, text: str) -> str | None:
    if _WORTH_A_LOOK.search(text) is None and _NAMES_A_NUMBER.search(field) is None:
        return None
    if text.lstrip()[:1] in ("{", "["):
        # A source's own words, cell by cell: neighbours in a row are no more one number than those of an event.
        with suppress(ValueError, RecursionError):
            return next(
                (kind for name, leaf in _leaves(json.loads(text), field) if (kind := _kind_of(name, leaf))), None
            )
    finding = find_sensitive(field, text)
    return None if finding is None else finding.kind.value


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield name, key
            yield from _leaves(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, name)
    elif value is not None and not isinstance(value, bool):
        yield name, str(value)


_kind_of = lru_cache(maxsize=_KEPT_ANSWERS)(_look)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(name)
            yield from _texts(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _texts(item)


@cache
def _text_fields(name: str) -> tuple[str, ...]:
    """Fields of a record type that may hold text of others: no numbers, instants and members of an enum."""
    hints = get_type_hints(catalog.record_classes()[name])
    return tuple(field for field, hint in hints.items() if field not in _NAMES_A_RECORD and _may_hold_text(hint))


def _may_hold_text(hint: Any) -> bool:
    if isinstance(hint, type):
        return issubclass(hint, str | bytes) and not issubclass(hint, StrEnum)
    return any(_may_hold_text(part) for part in get_args(hint))
