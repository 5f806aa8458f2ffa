"""Reads PayTrace's texts for money and clock, for mapping.py and for the sandbox that writes them.

PayTrace writes dollars as numbers or texts and local clock readings without a zone. What cannot be read exactly
raises UnreadableRow naming the field; nothing is guessed, and nothing is rounded but the noise of binary fractions.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

from connectors.paytrace.errors import UnreadableRow
from schemas.values.business_day import business_day

# 1234.50, $1,234.50, USD 12.00, (12.00), 12.00-, .50: a comma only ever stands before three digits, so that 12,50 is
# refused, and a point never stands without digits behind it.
_MONEY: Final = re.compile(
    r"(?P<before>[+-])? ?(?:(?P<code_before>[A-Za-z]{3}) ?)?(?:US\$|\$)? ?(?P<inner>[+-])?"
    r"(?P<number>(?:\d{1,12}|\d{1,3}(?:,\d{3}){1,3})(?:\.\d{1,20})?|\.\d{2})"
    r"(?: ?(?P<code_after>[A-Za-z]{3}))?(?P<after>-)?",
    re.ASCII,
)
# A millionth of a dollar, a ten-thousandth of a cent: the arithmetic of binary fractions leaves less at any amount that
# a gateway moves, and a price per piece with a third or fourth decimal lies far above it.
_NOISE: Final = Decimal("0.000001")
_US_CLOCK: Final = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(?:([AaPp])\.?[Mm]\.?)?)?", re.ASCII
)
_MIDNIGHT_UTC: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00:?00)", re.ASCII)
_US_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
# More than any gateway moves in one transaction, and far below what a 64-bit integer holds.
_MAX_EXPONENT: Final = 12


def to_minor(field_name: str, value: object, currency: str = "USD") -> int:
    """Turn dollars as PayTrace writes them ("8.10", 110, Decimal("110.5"), "$1,234.50", "(12.00)") into cents.

    Units:   dollars in, cents out; a sign, or parentheses for a negative amount, stays.
    Ensures: exact, but for the noise of binary fractions: what lies within a millionth of a dollar of a cent is that
             cent (10.000000001 is 10.00); any other third decimal is refused rather than rounded. A currency that the
             text names is this one.
    Raises:  UnreadableRow naming field_name.
    """
    match value:
        case bool() | None:
            raise UnreadableRow(field_name, f"expected dollars, got {value!r}")
        case int():
            dollars = Decimal(value)
        case Decimal():
            dollars = value
        case str():
            dollars = _dollars_of(field_name, value, currency)
        case _:
            raise UnreadableRow(field_name, f"expected dollars, got a {type(value).__name__} that is no amount")
    if not dollars.is_finite() or (dollars and not -6 <= dollars.adjusted() <= _MAX_EXPONENT):
        raise UnreadableRow(field_name, "expected dollars, got a number out of range")
    try:
        cents = dollars.scaleb(2).to_integral_value()
        if abs(dollars - cents.scaleb(-2)) > _NOISE:
            raise UnreadableRow(field_name, "expected at most two decimals")
    except InvalidOperation as error:
        raise UnreadableRow(field_name, "expected dollars, got a number with too many digits") from error
    return int(cents)


def _dollars_of(field_name: str, text: str, currency: str) -> Decimal:
    written = text.strip()
    in_parentheses = written.startswith("(") and written.endswith(")")
    found = _MONEY.fullmatch(written[1:-1].strip() if in_parentheses else written)
    if found is None:
        raise UnreadableRow(field_name, "expected dollars, got a str that is no amount")
    if {code.upper() for code in (found["code_before"], found["code_after"]) if code} - {currency}:
        raise UnreadableRow(field_name, f"expected an amount in {currency}, got another currency")
    signs = [sign for sign in (found["before"], found["inner"], found["after"]) if sign]
    if len(signs) + in_parentheses > 1:
        raise UnreadableRow(field_name, "expected dollars, got an amount with two signs")
    dollars = Decimal(found["number"].replace(",", ""))
    return -dollars if in_parentheses or "-" in signs else dollars


def to_dollars(amount_minor: int) -> Decimal:
    """Write cents as PayTrace writes dollars: 11000 becomes 110 and 11050 becomes 110.5."""
    dollars = Decimal(amount_minor).scaleb(-2).normalize()
    return dollars.quantize(Decimal(1)) if dollars == dollars.to_integral_value() else dollars


def to_instant(field_name: str, value: str, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """Read a clock text ("4/10/2015 4:06:30 PM", the same in 24 hours, or ISO 8601) as an instant in UTC.

    Units:   a text without zone is wall-clock time in zone; a date alone is its midnight.
    Ensures: in the hour that occurs twice, fold picks the first (0) or second (1) reading; a time inside the
             spring gap is read with the offset before the change, so it lands after the gap.
    Raises:  UnreadableRow naming field_name.
    """
    text = value.strip()
    try:
        parts = _US_CLOCK.fullmatch(text)
        local = _from_us_clock(parts) if parts else datetime.fromisoformat(text)
        if local.tzinfo is None:
            local = local.replace(tzinfo=zone, fold=fold)
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnreadableRow(field_name, f"expected a date and time, got {text[:40]!r}") from error


def to_day(field_name: str, value: str, zone: ZoneInfo, *, fold: int = 0) -> date:
    """Read a clock text as a business day: the day in zone of what to_instant reads.

    Ensures: a date alone is that day in every zone, and so is midnight in UTC to the second (2026-11-20T00:00:00.000Z),
             because that is how date fields of JSON APIs write a date alone.
    Raises:  UnreadableRow naming field_name.
    """
    instant = to_instant(field_name, value, zone, fold=fold)
    if _MIDNIGHT_UTC.fullmatch(value.strip()):
        return instant.date()
    return business_day(instant, zone)


def _from_us_clock(parts: re.Match[str]) -> datetime:
    month, day, year = int(parts[1]), int(parts[2]), int(parts[3])
    if parts[4] is None:
        return datetime(year, month, day)  # noqa: DTZ001 -- wall clock; the caller gives it its zone
    hour = int(parts[4])
    if parts[7] is not None:
        if not 1 <= hour <= 12:
            raise ValueError("hour of a twelve-hour clock")
        hour = hour % 12 + (12 if parts[7].upper() == "P" else 0)
    return datetime(year, month, day, hour, int(parts[5]), int(parts[6] or 0))  # noqa: DTZ001 -- as above


def to_date_text(day: date) -> str:
    """Write a date as requests want it: MM/DD/YYYY."""
    return f"{day.month:02d}/{day.day:02d}/{day.year:04d}"


def to_date(field_name: str, value: object) -> date:
    """Read a date of a request or schedule; single-digit month and day are tolerated.

    Raises: UnreadableRow naming field_name.
    """
    parts = _US_DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if parts is None:
            raise ValueError("not MM/DD/YYYY")
        return date(int(parts[3]), int(parts[1]), int(parts[2]))
    except ValueError as error:
        raise UnreadableRow(field_name, "expected a date as MM/DD/YYYY") from error


def days_between(start: date, end: date) -> tuple[date, ...]:
    """Return every day from start to end, both included; empty when end lies before start."""
    return tuple(start + timedelta(days=offset) for offset in range((end - start).days + 1))
