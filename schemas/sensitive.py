"""Finds card numbers, security codes and bank numbers before they reach a record, log or table.

For the ingress (which refuses a body that holds one), for the edges (which mask free text) and for the scan
over topics, logs and tables after the tests. Pure. A finding names the field and the kind, never the value.

What is nested or encoded too deeply to be looked into is a finding too, and the work grows with the size alone.

Card numbers are recognised by shape (13 to 19 digits in one run or in groups), issuer range and Luhn digit,
so ids, clock readings and amounts pass. Security codes and bank numbers have no shape of their own and are
recognised by the name of their field or the words beside them.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import html
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from typing import Final
from urllib.parse import unquote_plus


class SensitiveKind(StrEnum):
    """What was found; the value itself is never kept."""

    CARD_NUMBER = "CARD_NUMBER"
    CARD_SECURITY_CODE = "CARD_SECURITY_CODE"
    BANK_NUMBER = "BANK_NUMBER"
    TOO_DEEP = "TOO_DEEP"  # nested or encoded deeper than is looked into, so it may hold anything


@dataclass(frozen=True, slots=True)
class Finding:
    """Where something sensitive stands: the path of the field and the kind, without the value."""

    field_path: str
    kind: SensitiveKind


# (first, last) issuer prefixes of equal length and the lengths of the card numbers that begin with them.
_ISSUERS: Final[tuple[tuple[str, str, frozenset[int]], ...]] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),  # Mastercard, second range
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),
    ("6011", "6011", frozenset({16, 19})),  # Discover
    ("644", "649", frozenset({16, 19})),
    ("65", "65", frozenset({16, 19})),
    ("622126", "622925", frozenset({16, 19})),
    ("300", "305", frozenset({14, 16, 19})),  # Diners
    ("3095", "3095", frozenset({14, 16, 19})),
    ("36", "36", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16, 19})),
    ("3528", "3589", frozenset({16, 19})),  # JCB
    ("62", "62", frozenset({16, 17, 18, 19})),  # UnionPay
    ("50", "50", frozenset({13, 14, 15, 16, 17, 18, 19})),  # Maestro
    ("56", "58", frozenset({13, 14, 15, 16, 17, 18, 19})),
)

_ISSUERS_BY_DIGIT: Final = {
    digit: tuple(issuer for issuer in _ISSUERS if issuer[0][0] <= digit <= issuer[1][0]) for digit in "0123456789"
}
# Each ASCII digit doubled, minus nine when that is above nine, for the Luhn sum.
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_KEPT: Final = bytes.maketrans(b"0123456789", bytes(range(10)))

# What people and programs put between the groups of a card number; at most three of them in a row.
_GAP: Final = r"[\s\-._/\\,|:*'+~\u00a0\u00ad\u200b-\u200d\u2010-\u2015\u2212\ufeff]{1,3}"
_GROUPED_DIGITS: Final = re.compile(rf"(?<!\d)\d+(?:{_GAP}\d+)*", re.ASCII)
_DIGITS: Final = re.compile(r"\d+", re.ASCII)
# A hash or a UUID is hexadecimal on both sides of any run of digits in it.
_HEX_TOKEN: Final = re.compile(
    r"(?<![0-9a-zA-Z])(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32,})(?![0-9a-zA-Z])"
)
_HAS_HEX_LETTER: Final = re.compile(r"[a-fA-F]")
# Also over lines, as mail wraps it.
_BASE64_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}(?:[\r\n]+[ \t]*[A-Za-z0-9+/_-]{4,})*={0,2}(?![A-Za-z0-9+/=_-])"
)

# Nothing can hide in a text without thirteen digits close together, an escape, or a word long enough for base64.
_WORTH_A_LOOK: Final = re.compile(r"\d(?:\D{0,3}\d){12}|[%&\\]|[A-Za-z0-9+/_-]{16}")

_CSC_NAMES: Final = frozenset(
    {"csc", "cvv", "cvv2", "cvc", "cvc2", "cvn", "cid2", "securitycode", "cardsecuritycode", "cardcode"}
    | {"cardverificationvalue", "verificationvalue", "cardcvv", "cardcvc", "cardcsc", "pruefziffer"}
)
_CSC_TEXT: Final = re.compile(
    r"\b(?:csc|cvv2?|cvc2?|cvn|(?:card\s+)?security\s+code|card\s+code)\b\W{0,4}(?:is\W{1,2})?(\d{3,4})(?!\d)",
    re.IGNORECASE | re.ASCII,
)
_BANK_ACCOUNT_NAMES: Final = frozenset(
    {"accountnumber", "bankaccountnumber", "bankaccount", "checkingaccount", "checkaccountnumber", "dda"}
    | {"directdepositaccount", "bankaccountno", "achaccountnumber", "accountno", "iban", "kontonummer"}
)
_ROUTING_NAMES: Final = frozenset(
    {"routingnumber", "routing", "transitroutingnumber", "aba", "abanumber", "routingno", "tr", "bankrouting"}
)
_ROUTING_TEXT: Final = re.compile(r"\b(?:routing|aba|transit|rtn)\b[^\d]{0,20}(\d{9})(?!\d)", re.IGNORECASE | re.ASCII)
_ACCOUNT_TEXT: Final = re.compile(
    r"\b(?:(?:bank|checking|savings|deposit)\s+(?:account|acct)|acct|account\s*(?:number|no|#))\b[^\d\n]{0,12}"
    r"(\d{6,17})(?!\d)",
    re.IGNORECASE | re.ASCII,
)
_IBAN: Final = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Z0-9])")


def has_luhn_digit(digits: str) -> bool:
    """Tell whether the last of these ASCII digits is the Luhn check digit of the others."""
    values = digits.encode("ascii")
    kept, doubled = values[-1::-2], values[-2::-2]
    return (sum(kept) - 48 * len(kept) + sum(doubled.translate(_DOUBLED))) % 10 == 0


def is_card_number(digits: str) -> bool:
    """Tell whether these ASCII digits are a card number by issuer range, length and Luhn digit."""
    length = len(digits)
    if not 13 <= length <= 19:
        return False
    return any(
        length in lengths and first <= digits[: len(first)] <= last and has_luhn_digit(digits)
        for first, last, lengths in _ISSUERS_BY_DIGIT[digits[0]]
    )


def is_routing_number(digits: str) -> bool:
    """Tell whether these are nine digits with the ABA check digit (weights 3, 7, 1)."""
    if len(digits) != 9 or digits == "000000000":
        return False
    return sum(int(digit) * weight for digit, weight in zip(digits, (3, 7, 1) * 3, strict=True)) % 10 == 0


def mask_card_numbers(text: str) -> str:
    """Replace every card number in a text by stars and its last four digits.

    Ensures: the answer holds no card number that find_sensitive can see; when one hides in an encoding (JSON in a
             string, percent signs, base64), or the text is encoded too deeply to tell, the whole text is withheld.
    """
    if len(text) < 13 or _WORTH_A_LOOK.search(text) is None:
        return text
    spans = list(_card_spans(_plain_digits(text)))
    masked = text
    for start, end in reversed(spans):
        last_four = "".join(_DIGITS.findall(_plain_digits(masked[start:end])))[-4:]
        masked = f"{masked[:start]}************{last_four}{masked[end:]}"
    kind = _hidden_in(masked)
    return masked if kind is None else f"[withheld: {kind}]"


def mask_sensitive(text: str) -> str:
    """Mask card numbers, security codes and bank numbers in a text that people typed.

    Ensures: find_sensitive sees nothing in the answer. Of a card or bank number the last four digits stay, of a
             security code nothing does.
    """
    masked = mask_card_numbers(text)
    plain = _plain_digits(masked)
    spans = [(*match.span(1), 0) for match in _CSC_TEXT.finditer(plain)]
    spans += [(*match.span(1), 4) for match in _ROUTING_TEXT.finditer(plain) if is_routing_number(match[1])]
    spans += [(*match.span(1), 4) for match in _ACCOUNT_TEXT.finditer(plain)]
    spans += [(*match.span(), 4) for match in _IBAN.finditer(plain) if _is_iban(match[0].replace(" ", ""))]
    for start, end, kept in sorted(spans, reverse=True):
        masked = f"{masked[:start]}{'*' * (end - start - kept)}{masked[end - kept :]}"
    finding = find_sensitive("", masked)
    return masked if finding is None else f"[withheld: {finding.kind}]"


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
        """The room of what a list or object holds."""
        return _Room(self.levels - 1, self.decodings, self.effort)

    def decoded(self, effort: _Effort) -> _Room:
        """The room of a text from which one encoding was taken."""
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
        safe_name = mask_card_numbers(name)
        child = f"{path}.{safe_name}" if path else safe_name
        if safe_name != name:
            yield Finding(child, SensitiveKind.CARD_NUMBER)
        yield from _scan(item, child, room.inside())
    yield from _scan_split(list(value.values()), path)


def _scan_split(items: list[object], path: str) -> Iterator[Finding]:
    """A card number cut over neighbouring fields: three or more texts of three to six digits in a row."""
    run: list[str] = []
    for item in [*items, None]:
        text = item.strip() if isinstance(item, str) else ""
        if 3 <= len(text) <= 6 and text.isdigit():
            run.append(_plain_digits(text))
            continue
        for start in range(len(run) - 2):
            # Six parts of three digits are 18, and no card number is longer than 19.
            joined = ["".join(run[start:end]) for end in range(start + 3, min(start + 6, len(run)) + 1)]
            if any(is_card_number(digits) for digits in joined):
                yield Finding(path, SensitiveKind.CARD_NUMBER)
                break
        run = []


def _scan_text(text: str, path: str, room: _Room) -> Iterator[Finding]:
    plain = _plain_digits(text)
    kind = _kind_by_name(_last_name(path), path, plain)
    if kind is not None:
        yield Finding(path, kind)
    if next(_card_spans(plain), None) is not None:
        yield Finding(path, SensitiveKind.CARD_NUMBER)
    if _CSC_TEXT.search(plain):
        yield Finding(path, SensitiveKind.CARD_SECURITY_CODE)
    if _holds_bank_number(plain):
        yield Finding(path, SensitiveKind.BANK_NUMBER)
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


def _last_name(path: str) -> str:
    name = re.sub(r"\[\d+\]$", "", path).rpartition(".")[2]
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _kind_by_name(name: str, path: str, text: str) -> SensitiveKind | None:
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


def _holds_bank_number(text: str) -> bool:
    if any(is_routing_number(match[1]) for match in _ROUTING_TEXT.finditer(text)):
        return True
    if _ACCOUNT_TEXT.search(text):
        return True
    return any(_is_iban(match[0].replace(" ", "")) for match in _IBAN.finditer(text))


def _is_iban(text: str) -> bool:
    if not 15 <= len(text) <= 34:
        return False
    moved = text[4:] + text[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _plain_digits(text: str) -> str:
    """The same text with every decimal digit of any script as ASCII; length and positions stay."""
    if text.isascii():
        return text
    return "".join(
        str(digit) if (digit := unicodedata.decimal(character, None)) is not None else character for character in text
    )


def _card_spans(plain: str) -> Iterator[tuple[int, int]]:
    if len(plain) < 13:
        return
    text = _HEX_TOKEN.sub(_without_hash, plain)
    for grouped in _GROUPED_DIGITS.finditer(text):
        if grouped.end() - grouped.start() >= 13:
            groups = [found.span() for found in _DIGITS.finditer(text, *grouped.span())]
            yield from _card_spans_of(text, groups)


def _without_hash(token: re.Match[str]) -> str:
    """Nothing to find in a hash, at the same length."""
    return "x" * len(token[0]) if _HAS_HEX_LETTER.search(token[0]) else token[0]


def _card_spans_of(plain: str, groups: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    joined = "".join(plain[start:end] for start, end in groups)
    sums = _luhn_sums(joined)
    begins, total = [], 0
    ends_at: dict[int, int] = {}
    for index, (start, end) in enumerate(groups):
        begins.append(total)
        total += end - start
        ends_at[total] = index
    first = 0
    while first < len(groups):
        start, end = groups[first]
        begin = begins[first]
        if end - start > 19:
            yield from _card_in_long_run(plain[start:end], start)
        else:
            # The longest reading first, so that no digit of it stays behind.
            for length in _lengths_of(joined[begin : begin + 6]):
                stop = begin + length
                last = ends_at.get(stop)
                if last is None or (sums[stop % 2][stop] - sums[stop % 2][begin]) % 10:
                    continue
                if _is_written_so(groups[first : last + 1]):
                    yield start, groups[last][1]
                    first = last
                    break
        first += 1


def _luhn_sums(digits: str) -> tuple[list[int], list[int]]:
    """Running Luhn sums for numbers that end before an even position, and before an odd one.

    With them the sum of any part is one subtraction, so a page of spaced digits is looked through in one pass.
    """
    kept, doubled = (digits.encode("ascii").translate(table) for table in (_KEPT, _DOUBLED))
    before_even, before_odd = bytearray(doubled), bytearray(kept)
    before_even[1::2], before_odd[1::2] = kept[1::2], doubled[1::2]
    return [0, *accumulate(before_even)], [0, *accumulate(before_odd)]


@lru_cache(maxsize=10_000)
def _lengths_of(prefix: str) -> tuple[int, ...]:
    """The lengths, longest first, of card numbers that begin with these digits."""
    found: set[int] = set()
    for first, last, lengths in _ISSUERS_BY_DIGIT[prefix[0]]:
        if first <= prefix[: len(first)] <= last:
            found |= lengths
    return tuple(sorted(found, reverse=True))


def _is_written_so(groups: list[tuple[int, int]]) -> bool:
    """Whether people group a card number like this: equal groups, or groups of four digits and more."""
    sizes = [end - start for start, end in groups]
    uniform = all(size == sizes[0] for size in sizes[:-1]) and sizes[-1] <= sizes[0]
    return uniform or min(sizes) >= 4


def _card_in_long_run(run: str, offset: int) -> Iterator[tuple[int, int]]:
    """A number with padding before it, or with expiry and more behind it."""
    for length in (16, 15, 19):
        if is_card_number(run[:length]):
            yield offset, offset + length
            return
    for length in (16, 15):
        if is_card_number(run[-length:]):
            yield offset + len(run) - length, offset + len(run)
            return


def _decoded(text: str) -> Iterator[object]:
    """What the text says once an encoding is taken off it: JSON, percent signs and entities, base64.

    Raises: RecursionError for JSON that nests deeper than its reader goes.
    """
    stripped = text.strip()
    if stripped[:1] in {"{", "[", '"'}:
        with contextlib.suppress(ValueError):
            yield json.loads(stripped, parse_int=str, parse_float=str)
    if "%" in text or "&" in text:
        # Both at once: taken off one by one, they would double the work with every layer.
        plain = html.unescape(unquote_plus(text) if "%" in text else text)
        if plain != text:
            yield plain
    for match in _BASE64_TOKEN.finditer(text):
        inner = _from_base64("".join(match[0].split()))
        if inner is not None:
            yield inner


def _from_base64(token: str) -> str | None:
    padded = token.rstrip("=").replace("-", "+").replace("_", "/")
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def _hidden_in(text: str) -> SensitiveKind | None:
    """Why a text in which no card number shows must be withheld all the same."""
    if len(text) < 13:
        return None
    kinds = {finding.kind for finding in scan(text)} & {SensitiveKind.CARD_NUMBER, SensitiveKind.TOO_DEEP}
    return min(kinds, default=None)
