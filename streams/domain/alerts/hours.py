"""Working hours in a zone: whether an instant lies in them, and how time is counted that runs only within them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Hours:
    """Days and hours in which somebody works.

    Units: weekdays are 0 for Monday to 6; begins and ends are minutes of the local day, 0 to 1440, begins below ends.
    Shapes: at least one weekday; holidays are fewer than the days of a year.
    """

    zone: str
    weekdays: frozenset[int]
    begins: int
    ends: int
    holidays: frozenset[date] = frozenset()

    def is_open(self, at: datetime) -> bool:
        """Return whether an instant lies within."""
        day = at.astimezone(ZoneInfo(self.zone)).date()
        return self._is_working(day) and self._at(day, self.begins) <= at < self._at(day, self.ends)

    def opens(self, at: datetime) -> datetime:
        """Return the instant itself if it lies within, else when the next hours begin."""
        return next(max(begins, at) for begins, ends in self._windows(at) if at < ends)

    def after(self, since: datetime, seconds: float) -> datetime:
        """Return when this many seconds of working hours have passed since then."""
        left = timedelta(seconds=seconds)
        for begins, ends in self._windows(since):
            start = max(begins, since)
            if start + left <= ends:
                return start + left
            left -= max(ends - start, timedelta())
        raise AssertionError("there is always a next working day")

    def next_day(self, since: datetime, minute: int) -> datetime:
        """Return this minute of the first working day after the local day of `since`."""
        day = since.astimezone(ZoneInfo(self.zone)).date()
        later = (day + timedelta(days=number) for number in count(1))
        return self._at(next(filter(self._is_working, later)), minute)

    def _windows(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        day = since.astimezone(ZoneInfo(self.zone)).date()
        for number in count():
            if self._is_working(day + timedelta(days=number)):
                here = day + timedelta(days=number)
                yield self._at(here, self.begins), self._at(here, self.ends)

    def _is_working(self, day: date) -> bool:
        return day.weekday() in self.weekdays and day not in self.holidays

    def _at(self, day: date, minute: int) -> datetime:
        """Return a minute of a local day; an hour that the clock skips or repeats is read as before the change."""
        local = datetime.combine(day + timedelta(days=minute // 1440), time(minute % 1440 // 60, minute % 60))
        return local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
