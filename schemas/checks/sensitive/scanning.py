"""Finds sensitive things in a value of any shape: nested, split over fields, encoded.

For the ingress (which refuses a body that holds one), for masking (which withholds what hides in an encoding) and for
the scan over topics, logs and tables after the tests. Pure. A finding names the field and the kind, never the value.

What is nested or encoded too deeply to be looked into is a finding too, and the work grows with the size alone.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from schemas.checks.sensitive.identity import MASK, mask_of
from schemas.checks.sensitive.numbers import is_card_number, is_routing_number
from schemas.checks.sensitive.spans import (
    SensitiveKind,
    labelled_spans,
    may_hold_a_label,
    may_hold_a_number,
    number_spans,
    plain_text_of,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Where something sensitive stands: the path of the field and the kind, without the value."""

    field_path: str
    kind: SensitiveKind


# Also over lines, as mail wraps it.
_BASE64_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}(?:[\r\n]+[ \t]*[A-Za-z0-9+/_-]{4,})*={0,2}(?![A-Za-z0-9+/=_-])"
)

_CSC_NAMES: Final = frozenset(
    {"csc", "cvv", "cvv2", "cvc", "cvc2", "cvn", "cid2", "securitycode", "cardsecuritycode", "cardcode"}
    | {"cardverificationvalue", "verificationvalue", "cardcvv", "cardcvc", "cardcsc", "kpn", "cav", "cav2"}
    | {"pruefziffer", "prufziffer", "pruefnummer", "prufnummer", "kartenpruefnummer", "kartenprufnummer"}
    | {"kartenpruefziffer", "kartenprufziffer", "sicherheitscode", "kartensicherheitscode", "cardverificationcode"}
)
_BANK_ACCOUNT_NAMES: Final = frozenset(
    {"accountnumber", "bankaccountnumber", "bankaccount", "checkingaccount", "checkaccountnumber", "dda"}
    | {"directdepositaccount", "bankaccountno", "achaccountnumber", "accountno", "iban", "kontonummer"}
    | {"bankkontonummer", "kontonr", "ktonr", "bankkonto", "girokonto"}
)
_ROUTING_NAMES: Final = frozenset(
    {"routingnumber", "routing", "transitroutingnumber", "aba", "abanumber", "routingno", "tr", "bankrouting"}
)
_ALL_NAMES: Final = _CSC_NAMES | _BANK_ACCOUNT_NAMES | _ROUTING_NAMES
# A letter with two dots is folded away in a name: Pr\u00fcfziffer is prufziffer.
_FOLDED: Final = str.maketrans("\u00e4\u00f6\u00fc", "aou")
_QUOTED: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_NO_ENCODING: Final = re.compile(r"[A-Za-z0-9 .,:;()#*/_-]{0,15}|[0-9 .,:;()#*-]*", re.ASCII)


def find_sensitive(field_path: str, value: object) -> Finding | None:
    """Return the first sensitive thing in a value of any shape, or None.

    Shapes:  value is what JSON decodes to (nested as it likes), or bytes; field_path names it, dots between
             parts. The last part of the path is read too, because a security code shows by its name only.
    Ensures: the finding's path holds no card number even when a field's name is one.
    """
    return next(scan(value, field_path), None)


def scan(value: object, field_path: str = "") -> Iterator[Finding]:
    """Yield everything sensitive in a value of any shape; same rules as find_sensitive."""
    yield from _scan(value, field_path, _Room())


@dataclass(frozen=True, slots=True)
class _Room:
    """How much deeper a value is looked into; what lies below is refused unseen, so the work is bounded."""

    levels: int = 64
    decodings: int = 6
    effort: _Effort | None = None

    def inside(self) -> _Room:
        """Return the room of what a list or object holds."""
        return _Room(self.levels - 1, self.decodings, self.effort)

    def decoded(self, effort: _Effort) -> _Room:
        """Return the room of a text from which one encoding was taken."""
        return _Room(self.levels - 1, self.decodings - 1, effort)


@dataclass(slots=True)
class _Effort:
    """Characters that decoding one text may still bring up."""

    left: int


def _scan(value: object, path: str, room: _Room) -> Iterator[Finding]:
    if room.levels < 0:
        yield Finding(path, SensitiveKind.TOO_DEEP)
        return
    match value:
        case None | bool():
            return
        case Mapping():
            yield from _scan_mapping(value, path, room)
        case str():
            yield from _scan_text(value, path, room)
        case bytes() | bytearray() | memoryview():
            yield from _scan_text(bytes(value).decode("utf-8", "replace"), path, room)
        case Sequence():
            yield from _scan_split(list(value), path)
            for index, item in enumerate(value):
                yield from _scan(item, f"{path}[{index}]", room.inside())
        case _:
            yield from _scan_text(str(value), path, room)


def _scan_mapping(value: Mapping[object, object], path: str, room: _Room) -> Iterator[Finding]:
    for key, item in value.items():
        name = str(key)
        safe_name = _safe_name(name)
        child = f"{path}.{safe_name}" if path else safe_name
        if safe_name != name:
            yield Finding(child, SensitiveKind.CARD_NUMBER)
        yield from _scan(item, child, room.inside())
    yield from _scan_split(list(value.values()), path)


def _safe_name(name: str) -> str:
    """Return the name of a field without the card number that somebody made a name of."""
    safe = name
    if not may_hold_a_number(name):
        return name
    for span in reversed(list(number_spans(plain_text_of(name)))):
        safe = f"{safe[: span.start]}{mask_of(span.number)}{safe[span.end :]}"
    return safe


def _scan_split(items: list[object], path: str) -> Iterator[Finding]:
    """Yield a card number cut over neighbouring fields: three or more texts of three to six digits in a row."""
    run: list[str] = []
    for item in [*items, None]:
        text = item.strip() if isinstance(item, str) else ""
        if 3 <= len(text) <= 6 and text.isdigit():
            run.append(plain_text_of(text))
            continue
        for start in range(len(run) - 2):
            # Six parts of three digits are 18, and no card number is longer than 19.
            joined = ["".join(run[start:end]) for end in range(start + 3, min(start + 6, len(run)) + 1)]
            if any(is_card_number(digits) for digits in joined):
                yield Finding(path, SensitiveKind.CARD_NUMBER)
                break
        run = []


def _scan_text(text: str, path: str, room: _Room) -> Iterator[Finding]:
    plain = plain_text_of(text)
    named = _kind_by_name(_last_name(path), path, plain)
    found = {} if named is None else {named: None}
    if may_hold_a_number(plain):
        found.update(dict.fromkeys(span.kind for span in number_spans(plain)))
    if may_hold_a_label(plain):
        found.update(dict.fromkeys(span.kind for span in labelled_spans(plain)))
    for kind in found:
        yield Finding(path, kind)
    if _NO_ENCODING.fullmatch(text):
        return
    # Each encoding can be taken off in several ways; sixteen times the text is more than honest content needs.
    effort = room.effort or _Effort(16 * len(text) + 65_536)
    try:
        for inner in _decoded(text):
            effort.left -= len(text)
            if room.decodings == 0 or effort.left < 0:
                yield Finding(path, SensitiveKind.TOO_DEEP)
                return
            yield from _scan(inner, path, room.decoded(effort))
    except RecursionError:
        # JSON in a string, nested deeper than a reader goes.
        yield Finding(path, SensitiveKind.TOO_DEEP)


@lru_cache(maxsize=4_096)
def _last_name(path: str) -> str:
    name = re.sub(r"\[\d+\]$", "", path).rpartition(".")[2]
    return re.sub(r"[^a-z0-9]", "", name.lower().translate(_FOLDED))


def _kind_by_name(name: str, path: str, text: str) -> SensitiveKind | None:
    if name not in _ALL_NAMES or MASK.fullmatch(text.strip()):
        return None
    compact = re.sub(r"[\s\-.]", "", text)
    if name in _CSC_NAMES and re.fullmatch(r"\d{3,4}", compact, re.ASCII):
        return SensitiveKind.CARD_SECURITY_CODE
    if name in _ROUTING_NAMES and re.fullmatch(r"\d{9}", compact, re.ASCII):
        # Two letters are too little to go by, so the check digit has to agree as well.
        return SensitiveKind.BANK_NUMBER if name != "tr" or is_routing_number(compact) else None
    if name in _BANK_ACCOUNT_NAMES:
        # A ledger account is called account number too, and has four or five digits.
        shortest = 4 if re.search(r"bank|check|ach|dda|deposit", path, re.IGNORECASE) else 6
        digits = re.fullmatch(r"[A-Za-z]{0,2}\d+[A-Za-z0-9]*", compact, re.ASCII)
        if digits is not None and shortest <= len(compact) <= 34:
            return SensitiveKind.BANK_NUMBER
    return None


def _decoded(text: str) -> Iterator[object]:
    """Yield what the text says once an encoding is taken off it: JSON, percent signs and entities, base64.

    Raises: RecursionError for JSON that nests deeper than its reader goes.
    """
    stripped = text.strip()
    if stripped[:1] in {"{", "[", '"'}:
        with contextlib.suppress(ValueError):
            yield json.loads(stripped, parse_int=str, parse_float=str)
    if "%" in text or "&" in text:
        # Both at once: taken off one by one, they would double the work with every layer.
        plain = html.unescape(_unquoted(text) if "%" in text else text)
        if plain != text:
            yield plain
    for _, inner in decoded_base64(text):
        yield inner


def _unquoted(text: str) -> str:
    """Return what urllib.parse.unquote_plus says; that one cuts a random megabyte into half a million pieces."""
    return _QUOTED.sub(_unquoted_bytes, text.replace("+", " "))


def _unquoted_bytes(quoted: re.Match[str]) -> str:
    return bytes.fromhex(quoted[0].replace("%", "")).decode("utf-8", "replace")


def decoded_base64(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield where in a text a word of base64 stands that holds UTF-8, and what it says."""
    for match in _BASE64_TOKEN.finditer(text):
        inner = _from_base64("".join(match[0].split()))
        if inner is not None:
            yield match.span(), inner


def _from_base64(token: str) -> str | None:
    padded = token.rstrip("=").replace("-", "+").replace("_", "/")
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
