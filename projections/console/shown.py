"""Values as people of finance read them: money with a true minus, ages, days in words, who somebody is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date

from projections.console.language import _, _n, current, locale, separated
from projections.reports.questions import major_units

# Behind an amount in a currency that nobody knows: how many digits it has is not guessed.
UNITS: Final = " minor units"
MINUS: Final = "\N{MINUS SIGN}"
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
# From this age on money that waits is late: its age stands in red.
LATE_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a money line: what it is called, how much, its sign, and where its records are."""

    what: str
    amount: str
    sign: str = ""
    icon: str = ""
    href: str = ""


def money(major: str | Decimal | None) -> str:
    """Return an amount in major units with separators and a true minus, exact: 1,234.50."""
    if major is None:
        return ""
    text = str(major)
    if text.endswith(UNITS):
        return text
    return separated(f"{Decimal(text):,}").replace("-", MINUS)


def amount_of(record: Mapping[str, Any], name: str) -> str:
    """Return the amount `name` of a record of a report; in minor units where the currency's digits are not known."""
    major = record.get(name)
    if major is not None:
        return money(major)
    minor = record.get(f"{name}_minor")
    return "" if minor is None else f"{minor}{UNITS}"


def instant(text: str | None) -> datetime | None:
    """Read an instant as reports write it."""
    return None if not text else datetime.fromisoformat(text).astimezone(UTC)


def age(since: datetime, now: datetime) -> str:
    """Say how long ago it is: 20 min, 3 hours, 9 days."""
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < _HOUR_S:
        return _("%(n)s min", n=max(1, seconds // 60))
    if seconds < _DAY_S:
        return _n("%(n)s hour", "%(n)s hours", seconds // _HOUR_S)
    return _n("%(n)s day", "%(n)s days", seconds // _DAY_S)


def days_since(since: datetime, now: datetime) -> int:
    """Return the whole days since then."""
    return max(0, int((now - since).total_seconds()) // _DAY_S)


# Patterns of Unicode (CLDR), by language.
_PATTERNS: Final = {
    "en": {"long": "EEEE, d MMMM y", "day_month": "d MMMM", "short": "EEE d MMM"},
    "de": {"long": "EEEE, d. MMMM y", "day_month": "d. MMMM", "short": "EEE d. MMM"},
}


def _patterns() -> Mapping[str, str]:
    return _PATTERNS[current()]


def long_day(day: date) -> str:
    """Say a day in a story: Thursday, 19 November 2026."""
    return str(format_date(day, _patterns()["long"], locale=locale()))


def day_month(day: date) -> str:
    """Say a day of this year: 19 November."""
    return str(format_date(day, _patterns()["day_month"], locale=locale()))


def short_day(day: date) -> str:
    """Say a day in a list: Thu 19 Nov."""
    return str(format_date(day, _patterns()["short"], locale=locale()))


def weekday(day: date, *, short: bool = False) -> str:
    """Say the day of the week: Thursday, or Thu."""
    return str(format_date(day, "EEE" if short else "EEEE", locale=locale()))


def moment(at: datetime) -> str:
    """Say a moment of this year on the merchant's clock: 19 November, 14:05."""
    return f"{day_month(at.date())}, {at:%H:%M}"


def month_of(day: date) -> str:
    """Say the month of a day: November 2026."""
    return str(format_date(day, "LLLL y", locale=locale()))


def local(at: datetime, zone: str) -> datetime:
    """Return an instant on the clock of the merchant's zone."""
    return at.astimezone(ZoneInfo(zone))


def in_major(minor: int, currency: str) -> str:
    """Return minor units as people read them."""
    major = major_units(minor, currency)
    return f"{minor}{UNITS}" if major is None else money(major)


def sums_by_currency(amounts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the sum of minor units of each currency, by currency."""
    sums: Counter[str] = Counter()
    for currency, minor in amounts:
        sums[currency] += minor
    return sorted(sums.items())


def initials(name: str) -> str:
    """Return up to two letters for the round mark of a person."""
    words = re.findall(r"\w+", name)
    return "".join(word[0] for word in words[:2]).upper() or "?"
