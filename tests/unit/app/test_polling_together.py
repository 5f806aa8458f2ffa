"""Several polls of one source with one memory, and the mark of a back-fill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date

import pytest

from app.sources.polling import CURSORS, DayByDay, Publisher, poll_forever, poll_together
from schemas import catalog
from schemas.failures import ContractBroken
from schemas.records.payments import TransactionStatus
from schemas.wire.codec import Codec
from streams.edges.ports import Observation
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.ports import DeliveryFailed
from tests.support.builders import observation
from tests.support.examples import example

CODEC = Codec()
DAY = date(2026, 11, 20)
NAME = "backfill/2026-11-20/2026-11-22"


class CountingLog(MemoryLog):
    """Counts how often the cursors were read back, and may refuse the n-th append."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(catalog.topics(), 2))
        self.read_back = 0
        self.appends = 0
        self.refuse_at: int | None = None

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        self.read_back += topic == CURSORS
        await asyncio.sleep(0)
        return await super().watermarks(topic, partition)

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        self.appends += 1
        if self.appends == self.refuse_at:
            raise DeliveryFailed("away")
        return await super().append(records)

    def count(self, topic: str) -> int:
        return sum(len(self.records(topic, partition)) for partition in range(2))


def publisher(log: MemoryLog) -> Publisher:
    return Publisher("paytrace", log, CODEC)


def payment(identity: str) -> Observation:
    return f"transaction/{identity}", (observation(TransactionStatus.PENDING_SETTLEMENT, payment=identity),)


async def shows(*observations: Observation) -> AsyncIterator[Observation]:
    for one in observations:
        yield one


async def test_two_polls_share_one_memory_and_read_it_back_once() -> None:
    log, stop = CountingLog(), asyncio.Event()
    batch: Observation = ("batch/main/571/2015-04-10", (example("SettlementBatchObserved"),))
    rounds = 0

    def cards() -> AsyncIterator[Observation]:
        nonlocal rounds
        rounds += 1
        if rounds == 4:
            stop.set()
        return shows(payment("1"))

    shared = publisher(log)
    await poll_together(
        poll_forever("cards", shared, cards, 0.001, stop),
        poll_forever("facts", shared, lambda: shows(batch), 0.001, stop),
    )
    assert log.read_back == 2, "each partition of the cursors once"
    assert (log.count("payments.observations.v1"), log.count("settlement.inbox.v1")) == (1, 1)


async def test_the_first_failure_ends_the_other_polls_and_is_the_one_that_is_raised() -> None:
    ended: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ContractBroken("login")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    with pytest.raises(ContractBroken, match="login"):
        await poll_together(waits(), fails())
    assert ended == ["waits"]


async def test_a_day_is_marked_after_all_of_it_was_reported_and_the_mark_is_found_again() -> None:
    log = CountingLog()
    first = publisher(log)
    await first.remember()
    days = DayByDay(first, NAME)
    assert days.done_until is None
    await days.publish(*payment("1"))
    await days.publish(*payment("2"))
    assert log.count("payments.observations.v1") == 0
    await days.mark_done(DAY)
    await days.mark_done(date(2026, 11, 21))
    assert log.count("payments.observations.v1") == 2
    again = publisher(log)
    await again.remember()
    assert DayByDay(again, NAME).done_until == date(2026, 11, 21)
    assert DayByDay(again, "backfill/2026-11-20/2026-11-23").done_until is None
    assert again.position_of("transaction/1") == ""


@pytest.mark.parametrize("refused", [1, 2, 3])
async def test_a_day_that_was_not_written_is_not_marked(refused: int) -> None:
    log = CountingLog()
    broken = DayByDay(publisher(log), NAME)
    await broken.publish(*payment("1"))
    log.refuse_at = refused
    with pytest.raises(DeliveryFailed):
        await broken.mark_done(DAY)
    again = publisher(log)
    await again.remember()
    resumed = DayByDay(again, NAME)
    assert resumed.done_until is None
    await resumed.publish(*payment("1"))
    await resumed.mark_done(DAY)
    event_ids = {
        dict(record.headers)["ce_id"] for p in range(2) for record in log.records("payments.observations.v1", p)
    }
    assert len(event_ids) == 1
    assert resumed.done_until == DAY
