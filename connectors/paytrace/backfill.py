"""Back-fill by date range: day by day, oldest first, with a mark after each day so that a stop costs one day.

Driven by the command line, which shows the progress; the mark is a record of the caller (a source cursor), kept
only after every observation of the day was accepted. A day that is read twice folds to the same events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from connectors.paytrace.readings import days_between


class DayReader(Protocol):
    """What a back-fill needs of a source."""

    def read_day(self, day: date) -> AsyncIterator[tuple[str, tuple[Any, ...]]]:
        """Yield every observation of one day, subject and records."""


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """Where a back-fill stands after a day: days done and to do in all, observations reported so far by this run."""

    day: date
    days_done: int
    days_total: int
    observation_count: int


async def backfill(
    source: DayReader,
    since: date,
    until: date,
    *,
    publish: Callable[[str, tuple[Any, ...]], Awaitable[None]],
    mark_done: Callable[[date], Awaitable[None]],
    done_until: date | None = None,
) -> AsyncIterator[BackfillProgress]:
    """Read a range of days and tell every observation; yield after each day.

    Shapes:  since and until are days in the merchant's zone, both included; done_until is the last day that
             an earlier run marked, None for a fresh start. A mark before since is ignored.
    Ensures: mark_done(day) is called after tell accepted every observation of day, and in order, so resuming
             from the newest mark skips nothing.
    Raises:  what source, tell and mark_done raise; the day at hand stays unmarked.
    """
    first = since if done_until is None else max(since, done_until + timedelta(days=1))
    days = days_between(first, until)
    days_total = max(0, (until - since).days + 1)
    observation_count = 0
    for position, day in enumerate(days, start=days_total - len(days) + 1):
        async for subject, records in source.read_day(day):
            await publish(subject, records)
            observation_count += 1
        await mark_done(day)
        yield BackfillProgress(day, position, days_total, observation_count)
