"""When is a schedule due? Pure; the expression is read by cronsim, which knows zones and changes of clocks.

A time of day that does not exist on a day is due when the clocks have gone forward; one that exists twice is due once,
the first time. An expression for every hour or minute is due as often as hours or minutes pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

# Of due times that were missed so many are counted; a schedule for every minute reaches that in a week.
MOST_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Owed:
    """The run that is owed: for the newest due time. Earlier ones that passed unseen are counted, and not run."""

    due_at: datetime
    missed_count: int = 0
    missed_since_at: datetime | None = None


def due_times(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    """Yield the due times after an instant, in UTC, oldest first; ends where an expression is never due again."""
    times = CronSim(cron, after.astimezone(ZoneInfo(zone)))
    while True:
        try:
            due = next(times).astimezone(UTC)
        except (StopIteration, CronSimError):
            return
        # Begun within an hour that exists twice, cronsim names the first of the two.
        if due > after:
            yield due


def owed(cron: str, zone: str, after: datetime, now: datetime) -> Owed | None:
    """Return the run that is owed now, when everything up to `after` was run; None when nothing is."""
    first: datetime | None = None
    newest, count = after, 0
    for due in due_times(cron, zone, after):
        if due > now:
            break
        first = first or due
        newest, count = due, count + 1
        if count == MOST_COUNTED:
            newest = _latest(cron, zone, now)
            break
    if first is None:
        return None
    return Owed(newest, count - 1, first if count > 1 else None)


def _latest(cron: str, zone: str, now: datetime) -> datetime:
    """Return the newest due time up to now."""
    times = CronSim(cron, now.astimezone(ZoneInfo(zone)), reverse=True)
    return next(due for due in (one.astimezone(UTC) for one in times) if due <= now)
