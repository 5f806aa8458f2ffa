"""How PayTrace writes and reads money, clocks and JSON, from the reference alone.

The sandbox's own: shared with the client, a misreading would be on both sides and no test could see it.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

JsonObject = dict[str, Any]

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_DOLLARS: Final = re.compile(r"-?\d{1,12}(\.\d{1,2})?", re.ASCII)
_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)


class BadValue(Exception):
    """A value of a request that PayTrace would refuse; field_name says where."""

    def __init__(self, field_name: str) -> None:
        super().__init__(field_name)
        self.field_name = field_name


def decode(body: bytes) -> object:
    """Read a JSON text, fractions as Decimal. Raises ValueError."""
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError) as error:
        raise ValueError(f"not a JSON text: {error}") from error


def encode(value: object) -> bytes:
    """Write a JSON text, Decimal as a number with the digits it has."""
    return _ENCODER.encode(value)


def to_minor(field_name: str, value: object) -> int:
    """Dollars of a request (a number or a text with at most two decimals) in cents. Raises BadValue."""
    text = "" if isinstance(value, bool) else str(value) if isinstance(value, str | int | Decimal) else ""
    if isinstance(value, Decimal) and value.is_finite():
        text = format(value, "f")
    if not _DOLLARS.fullmatch(text.strip()):
        raise BadValue(field_name)
    return int(Decimal(text.strip()).scaleb(2))


def to_dollars(amount_minor: int) -> Decimal:
    """Cents as exports write dollars: 11000 becomes 110 and 11050 becomes 110.5."""
    dollars = Decimal(amount_minor) / 100
    return dollars.to_integral_value() if amount_minor % 100 == 0 else dollars.normalize()


def to_date(field_name: str, value: object) -> date:
    """Return a date of a request, MM/DD/YYYY with single digits tolerated. Raises BadValue."""
    parts = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        return date(int(parts[3]), int(parts[1]), int(parts[2])) if parts else _no_date(field_name)
    except ValueError as error:
        raise BadValue(field_name) from error


def _no_date(field_name: str) -> date:
    raise BadValue(field_name)


def to_clock_text(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant as exports write it: 4/10/2015 4:06:30 PM, without a zone."""
    local = instant.astimezone(zone)
    return f"{local.month}/{local.day}/{local.year} {local.hour % 12 or 12}:{local:%M:%S} {local:%p}"
