"""Reads card and address parts of requests as the sandbox's processor would: brand, AVS and CSC answers.

A card number lives only while its request is read; what is kept is a keyed hash, the brand and four digits.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.sandboxes.paytrace.rejections import (
    BAD_CARD_NUMBER,
    BAD_EXPIRATION_MONTH,
    BAD_EXPIRATION_YEAR,
    Rejected,
)
from schemas.checks.sensitive import has_luhn_digit

_BRANDS: Final = (("34", "amex"), ("37", "amex"), ("4", "visa"), ("5", "mastercard"), ("2", "mastercard"))
_TEST_CSC: Final = {"visa": "999", "mastercard": "998", "discover": "996"}
_MATCHING_STREET: Final = "8320"
_MATCHING_ZIP: Final = "85284"
# An encrypted number cannot be read here, so it stands for the vendor's Visa test card.
_ENCRYPTED_STANDS_FOR: Final = "4012000098765439"


@dataclass(frozen=True, slots=True)
class StoredCard:
    """What may be kept of a card."""

    token: str
    brand: str
    last_four: str
    expiration_month: int
    expiration_year: int


NO_CARD: Final = StoredCard("", "", "", 0, 0)


def read_card(fields: Mapping[str, Any], secret: bytes) -> StoredCard:
    """Read credit_card (or a hosted-field token) of a request.

    Raises: Rejected with every problem at once.
    """
    if isinstance(fields.get("hpf_token"), str) and isinstance(fields.get("enc_key"), str):
        return _stored(_ENCRYPTED_STANDS_FOR, 12, 30, secret)
    card = fields.get("credit_card")
    card = card if isinstance(card, Mapping) else {}
    encrypted = isinstance(card.get("encrypted_number"), str)
    number = _ENCRYPTED_STANDS_FOR if encrypted else _digits(card.get("number"))
    month, year = _int(card.get("expiration_month")), _int(card.get("expiration_year"))
    problems = []
    if not (13 <= len(number) <= 19 and has_luhn_digit(number)):
        problems.append(BAD_CARD_NUMBER)
    if month is None or not 1 <= month <= 12:
        problems.append(BAD_EXPIRATION_MONTH)
    if year is None or not (0 <= year <= 99 or 2000 <= year <= 2099):
        problems.append(BAD_EXPIRATION_YEAR)
    if problems or month is None or year is None:
        raise Rejected(*problems)
    return _stored(number, month, year % 100, secret)


def _stored(number: str, month: int, year: int, secret: bytes) -> StoredCard:
    token = hmac.new(secret, number.encode(), hashlib.sha256).hexdigest()[:24]
    brand = next((name for prefix, name in _BRANDS if number.startswith(prefix)), "discover")
    return StoredCard(token, brand, number[-4:], month, year)


def read_avs(billing: Mapping[str, Any]) -> str:
    """Return the address verification phrase; empty when no address was given."""
    street, postal = _text(billing, "street_address"), _text(billing, "zip")
    if not street and not postal:
        return ""
    street_matches, zip_matches = street.startswith(_MATCHING_STREET), postal.startswith(_MATCHING_ZIP)
    if street_matches and zip_matches:
        return "Full Exact Match"
    if street_matches:
        return "Address Match Only"
    return "Zip Match Only" if zip_matches else "No Match"


def read_csc(fields: Mapping[str, Any], brand: str) -> str:
    """Return the security code phrase; always empty for Amex and when no code was given."""
    given = fields.get("csc")
    if brand == "amex" or given in (None, ""):
        return ""
    return "Match" if str(given) == _TEST_CSC.get(brand) else "No Match"


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return str(value).strip() if isinstance(value, str | int) else ""


def _digits(value: object) -> str:
    text = str(value) if isinstance(value, str | int) else ""
    text = text.replace(" ", "").replace("-", "")
    return text if text.isascii() and text.isdecimal() else ""


def _int(value: object) -> int | None:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 4 else None
