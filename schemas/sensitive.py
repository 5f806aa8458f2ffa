"""Finds card numbers, security codes and bank numbers before they reach a record, log or table.

For the ingress (which refuses a body that holds one), for the edges (which mask free text) and for the scan
over topics, logs and tables after the tests. Pure. A finding names the field and the kind, never the value.

Card numbers are recognised by shape (13 to 19 digits in one run or in groups), issuer range and Luhn digit,
so ids, clock readings and amounts pass. Security codes and bank numbers have no shape of their own and are
recognised by the name of their field or the words beside them.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final
from urllib.parse import unquote_plus


class SensitiveKind(StrEnum):
    """What was found; the value itself is never kept."""

    CARD_NUMBER = "CARD_NUMBER"
    CARD_SECURITY_CODE = "CARD_SECURITY_CODE"
    BANK_NUMBER = "BANK_NUMBER"


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

# What people and programs put between the groups of a card number; at most three of them in a row.
_GAP: Final = r"[\s\-._/\\,|:*'+~\u00a0\u00ad\u200b-\u200d\u2010-\u2015\u2212\ufeff]{1,3}"
_GROUPED_DIGITS: Final = re.compile(rf"(?<!\d)\d+(?:{_GAP}\d+)*", re.ASCII)
_DIGITS: Final = re.compile(r"\d+", re.ASCII)
# A hash or a UUID is hexadecimal on both sides of any run of digits in it.
_HEX_TOKEN: Final = re.compile(
    r"(?<![0-9a-zA-Z])(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32,})(?![0-9a-zA-Z])"
)
_HAS_HEX_LETTER: Final = re.compile(r"[a-fA-F]")
_BASE64_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,4096}={0,2}(?![A-Za-z0-9+/=_-])")

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
_MAX_DEPTH: Final = 6


def has_luhn_digit(digits: str) -> bool:
    """Tell whether the last of these ASCII digits is the Luhn check digit of the others."""
    total = 0
    for position, character in enumerate(reversed(digits)):
        value = ord(character) - 48
        if position % 2:
            value *= 2
            if value > 9:
                value -= 9
        total += value
    return total % 10 == 0


def is_card_number(digits: str) -> bool:
    """Tell whether these ASCII digits are a card number by issuer range, length and Luhn digit."""
    length = len(digits)
    if not 13 <= length <= 19:
        return False
    if not any(length in lengths and first <= digits[: len(first)] <= last for first, last, lengths in _ISSUERS):
        return False
    return has_luhn_digit(digits)


def is_routing_number(digits: str) -> bool:
    """Tell whether these are nine digits with the ABA check digit (weights 3, 7, 1)."""
    if len(digits) != 9 or digits == "000000000":
        return False
    return sum(int(digit) * weight for digit, weight in zip(digits, (3, 7, 1) * 3, strict=True)) % 10 == 0


def mask_card_numbers(text: str) -> str:
    """Replace every card number in a text by stars and its last four digits.

    Ensures: the answer holds no card number that find_sensitive can see; when one hides in an encoding
             (JSON in a string, percent signs, base64), the whole text is withheld.
    """
    spans = list(_card_spans(_plain_digits(text)))
    masked = text
    for start, end in reversed(spans):
        last_four = "".join(_DIGITS.findall(_plain_digits(masked[start:end])))[-4:]
        masked = f"{masked[:start]}************{last_four}{masked[end:]}"
    return "[withheld: CARD_NUMBER]" if _holds_card(masked, _MAX_DEPTH) else masked
