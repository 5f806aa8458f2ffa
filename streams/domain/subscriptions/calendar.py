"""On which days are runs due, and what does a part of a period come to? Pure; all days are of the merchant's zone.

Days of a month follow from the anchor and never from the run before, so that the 31st comes back after a February.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from schemas.records.subscriptions import RecurrenceFrequency

_MONTHS: Final = {
    RecurrenceFrequency.MONTHLY: 1,
    RecurrenceFrequency.EVERY_TWO_MONTHS: 2,
    RecurrenceFrequency.QUARTERLY: 3,
    RecurrenceFrequency.EVERY_FOUR_MONTHS: 4,
    RecurrenceFrequency.EVERY_SIX_MONTHS: 6,
    RecurrenceFrequency.YEARLY: 12,
}
_DAYS: Final = {
    RecurrenceFrequency.DAILY: 1,
    RecurrenceFrequency.WEEKLY: 7,
    RecurrenceFrequency.EVERY_TWO_WEEKS: 14,
}
_FIFTEENTH: Final = 15


def is_known(frequency: RecurrenceFrequency) -> bool:
    """Return whether the days of a frequency are known."""
    return frequency in _MONTHS or frequency in _DAYS or frequency is RecurrenceFrequency.FIRST_AND_FIFTEENTH


def is_by_month(frequency: RecurrenceFrequency) -> bool:
    """Return whether runs are due on a day of the month."""
    return frequency in _MONTHS


def due_days(start_on: date, frequency: RecurrenceFrequency, anchor_day: int | None = None) -> Iterator[date]:
    """Yield the days on which runs are due, for ever: start_on, then by frequency.

    With an anchor the second run is due on the first such day of a month after start_on that the frequency reaches.
    Of a frequency that is not known the first day alone.
    """
    yield start_on
    if (step := _DAYS.get(frequency)) is not None:
        day = start_on
        while True:
            day += timedelta(days=step)
            yield day
    elif frequency is RecurrenceFrequency.FIRST_AND_FIFTEENTH:
        day = start_on
        while True:
            day = _in_month(day, 0, _FIFTEENTH) if day.day < _FIFTEENTH else _in_month(day, 1, 1)
            yield day
    elif (months := _MONTHS.get(frequency)) is not None:
        anchor = anchor_day or start_on.day
        # An anchor later in the month of the start ends the first, shorter period.
        count = 0 if _in_month(start_on, 0, anchor) > start_on else months
        while True:
            yield _in_month(start_on, count, anchor)
            count += months


def period_of(start_on: date, frequency: RecurrenceFrequency, anchor_day: int | None, on: date) -> tuple[date, date]:
    """Return the first day of the period in which a day lies, and the first day of the next one.

    Raises: ValueError for a day before start_on.
    """
    if on < start_on:
        raise ValueError(f"{on} lies before {start_on}")
    first = start_on
    for day in due_days(start_on, frequency, anchor_day):
        if day > on:
            return first, day
        first = day
    return first, date.max


def full_period_before(end: date, frequency: RecurrenceFrequency, anchor_day: int) -> date:
    """Return the day on which a whole period that ends on a day would have begun."""
    months = _MONTHS.get(frequency)
    if months is None:
        return end - timedelta(days=_DAYS.get(frequency, _FIFTEENTH))
    return _in_month(end, -months, anchor_day)


def _in_month(day: date, months: int, anchor: int) -> date:
    """Return the anchor's day so many months later, or the last day of that month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(anchor, monthrange(year, month + 1)[1]))
