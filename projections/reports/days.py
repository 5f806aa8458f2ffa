"""Days that a person asks for: one, a month, a quarter, a year, or from one day to another; and an instant as of which.

Days are those of a zone; an instant belongs to the day that its zone has then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from projections.store.errors import QueryRefused

_SAY: Final = "say 2026, 2026-Q4, 2026-11, 2026-11-24 or 2026-11-01..2026-11-24"
_PART: Final = re.compile(r"(?P<year>\d{4})(?:-(?:Q(?P<quarter>[1-4])|(?P<month>\d\d)(?:-(?P<day>\d\d))?))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Days:
    """Days from first to last, both included, of a zone."""

    first: date
    last: date
    zone: str

    def hold(self, value: object) -> bool:
        """Return whether a day or instant of a row lies in them.

        A date, a datetime, or the text that ClickHouse writes of it.

        An unknown one (None) does not.
        """
        if isinstance(value, str):
            value = date.fromisoformat(value) if len(value) == _DAY_LENGTH else datetime.fromisoformat(value)
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            value = aware.astimezone(ZoneInfo(self.zone)).date()
        return isinstance(value, date) and self.first <= value <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


_DAY_LENGTH: Final = len("2026-11-24")


def days_of(period: str | None, first: str | None, last: str | None, *, zone: str) -> Days | None:
    """Return the days that somebody asked for, by a period or by its ends; None when by neither.

    Raises: QueryRefused saying how they are written.
    """
    if period is not None and (first is not None or last is not None):
        raise QueryRefused("--period and --from/--to say the same; give one of them", code="PERIOD")
    if period is None and first is None and last is None:
        return None
    if period is not None:
        start, _, end = period.partition("..")
        ends = _span(start)[0], _span(end or start)[1]
    else:
        ends = _span(first)[0] if first else date.min, _span(last)[1] if last else date.max
    if ends[0] > ends[1]:
        raise QueryRefused(f"the period ends before it begins: {ends[0]} to {ends[1]}", code="PERIOD")
    return Days(*ends, zone)


def instant_of(as_of: str, *, zone: str, now: datetime) -> datetime:
    """Return the instant as of which somebody asks.

    A day means its end in the zone, a time without a zone is in the zone.

    Raises: QueryRefused when it can't be read or has not come yet.
    """
    text = as_of.strip()
    try:
        if len(text) == _DAY_LENGTH:
            day = date.fromisoformat(text)
            last = datetime.combine(day, time.max, ZoneInfo(zone)).astimezone(UTC)
            begun = datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)
            instant = min(last, now) if begun <= now else last
        else:
            read = datetime.fromisoformat(text)
            instant = (read if read.tzinfo else read.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise QueryRefused(
            f"--as-of {as_of[:40]!r} is no day or time; say 2026-11-24 or 2026-11-24T15:30", code="AS_OF"
        ) from None
    if instant > now:
        raise QueryRefused(f"--as-of {text} has not come yet; nothing can be known of it", code="AS_OF")
    return instant


def _span(text: str) -> tuple[date, date]:
    found = _PART.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        year = int(found["year"])
        if found["day"]:
            day = date(year, int(found["month"]), int(found["day"]))
            return day, day
        first_month, months = 1, 12
        if found["quarter"]:
            first_month, months = 3 * int(found["quarter"]) - 2, 3
        elif found["month"]:
            first_month, months = int(found["month"]), 1
        end = first_month + months
        following = date(year + (end > 12), end - 12 if end > 12 else end, 1)
        return date(year, first_month, 1), following - timedelta(days=1)
    except (ValueError, OverflowError):
        raise QueryRefused(f"{text[:40]!r} is no period; {_SAY}", code="PERIOD") from None
