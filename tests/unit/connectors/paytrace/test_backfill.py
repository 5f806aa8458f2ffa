"""A back-fill marks a day only when all of it was reported, and goes on where the last mark stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connectors.paytrace.backfill import BackfillProgress, backfill
from connectors.paytrace.mapping import to_transaction_observed
from connectors.paytrace.source import Observation
from schemas.records.payments import ObservedBy, TransactionObserved

SINCE, UNTIL = date(2026, 2, 26), date(2026, 3, 2)


def observation(identity: int) -> Observation:
    record = to_transaction_observed(
        {"transaction_id": identity, "amount": 1, "created": {"at": "2/26/2026 1:00:00 PM"}},
        merchant="main",
        zone=ZoneInfo("America/Los_Angeles"),
        observed_at=datetime(2026, 3, 3, tzinfo=UTC),
        observed_by=ObservedBy.POLL,
    )
    return f"transaction/{identity}", (record,)


class TwoADay:
    """Two transactions each day."""

    async def read_day(self, day: date) -> AsyncIterator[Observation]:
        for index in (1, 2):
            yield observation(day.toordinal() * 10 + index)


class Ledger:
    """Takes what is reported, and may refuse one."""

    def __init__(self, refused: str | None = None) -> None:
        self.published: list[str] = []
        self.marks: list[date] = []
        self.refused = refused

    async def publish(self, subject: str, records: tuple[TransactionObserved, ...]) -> None:
        if subject == self.refused:
            raise ConnectionError(subject)
        self.published.append(subject)

    async def mark_done(self, day: date) -> None:
        self.marks.append(day)


async def run(ledger: Ledger, done_until: date | None = None) -> list[BackfillProgress]:
    steps = backfill(TwoADay(), SINCE, UNTIL, publish=ledger.publish, mark_done=ledger.mark_done, done_until=done_until)
    return [progress async for progress in steps]


async def test_every_day_is_reported_oldest_first_and_marked() -> None:
    ledger = Ledger()
    progress = await run(ledger)
    assert ledger.marks == [SINCE + timedelta(days=offset) for offset in range(5)]
    assert len(ledger.published) == 10
    assert progress[-1] == BackfillProgress(UNTIL, 5, 5, 10)


async def test_a_day_that_was_not_reported_in_full_is_not_marked_and_comes_again() -> None:
    broken = date(2026, 2, 28)
    ledger = Ledger(refused=f"transaction/{broken.toordinal() * 10 + 2}")
    with pytest.raises(ConnectionError):
        await run(ledger)
    assert ledger.marks[-1] == broken - timedelta(days=1)
    ledger.refused = None
    progress = await run(ledger, done_until=ledger.marks[-1])
    assert [step.day for step in progress] == [broken, date(2026, 3, 1), UNTIL]
    assert (progress[0].days_done, progress[0].days_total) == (3, 5)
    assert len(set(ledger.published)) == 10


async def test_a_finished_range_has_nothing_left() -> None:
    assert await run(Ledger(), done_until=UNTIL) == []


async def test_a_mark_before_the_range_is_ignored() -> None:
    assert len(await run(Ledger(), done_until=date(2020, 1, 1))) == 5
