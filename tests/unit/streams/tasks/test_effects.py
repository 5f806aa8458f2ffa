"""Rule 8 of design.md section 3, the task layer's part: what a sink did is journaled, and what it may have done is
asked again, never assumed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.failures import Unavailable
from schemas.records.payments import RefundApplied
from streams.log.ports import DeliveryFailed
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.signing import RING
from tests.support.task_lab import CODEC, DLQ, Counted, FragileLog, Killed, Lab, effect, ids_of, refund


@dataclass
class World:
    """Books outside, which know a document by its reference; the first `timeouts` answers get lost on their way."""

    documents: list[str] = field(default_factory=list)
    timeouts: int = 0
    unacknowledged: bool = False
    at_once: int = 0
    most_at_once: int = 0
    calls: list[str] = field(default_factory=list)

    async def perform(self, _state: Counted, record: Any) -> tuple[Any, ...]:
        reference = record.refund_transaction_id
        self.calls.append(reference)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.unacknowledged:
            raise DeliveryFailed("no acknowledgement")
        if reference not in self.documents:
            self.documents.append(reference)
        if self.timeouts:
            self.timeouts -= 1
            raise Unavailable("no answer in time")
        return (
            RefundApplied(
                paytrace_transaction_id=record.paytrace_transaction_id,
                refund_transaction_id=reference,
                amount_minor=record.amount_minor,
                currency=record.currency,
                occurred_at=record.occurred_at,
            ),
        )


def sink(lab: Lab, world: World, *, concurrency: int = 2, batch_size: int = 20) -> Task[Counted]:
    return Task(
        effect(perform=world.perform, concurrency=concurrency, batch_size=batch_size),
        0,
        log=lab.log,
        store=MemoryStore(),
        codec=CODEC,
        ring=RING,
        membership=lab.membership,
        observer=SilentObserver(),
        rules=TaskRules(),
    )


async def test_after_a_time_out_the_command_is_asked_again_and_nothing_is_parked() -> None:
    lab, world = Lab(), World(timeouts=1)
    lab.write(refund("p", "r1"), refund("q", "r2"))
    await sink(lab, world).catch_up()
    assert lab.log.records(DLQ, 0) == []
    await sink(lab, world).catch_up()
    assert sorted(world.documents) == ["r1", "r2"]
    assert ids_of(lab.journal()) == ["r1", "r2"]


@pytest.mark.parametrize("kill_at_append", [1, 2])
async def test_a_crash_between_the_effect_and_the_journal_is_healed_by_asking(kill_at_append: int) -> None:
    lab, world = Lab(log=FragileLog(kill_at_append=kill_at_append)), World()
    lab.write(refund("p", "r1"), refund("p", "r2"))
    with pytest.raises(Killed):
        await sink(lab, world).catch_up()
    lab.log.kill_at_append = None
    await sink(lab, world).catch_up()
    assert world.documents == ["r1", "r2"]
    assert world.calls == ["r1", "r2", "r1", "r2"]
    assert ids_of(lab.journal()) == ["r1", "r2"]


async def test_an_effect_whose_own_append_is_not_acknowledged_ends_the_process_and_parks_nothing() -> None:
    lab, world = Lab(), World(unacknowledged=True)
    lab.write(refund("p", "r1"))
    with pytest.raises(DeliveryFailed):
        await sink(lab, world).catch_up()
    assert lab.log.records(DLQ, 0) == []


async def test_keys_are_worked_on_side_by_side_up_to_the_limit_and_each_key_in_order() -> None:
    lab, world = Lab(), World()
    lab.write(*(refund(f"p{number % 5}", f"r{number:02}") for number in range(20)))
    await sink(lab, world, concurrency=2).catch_up()
    assert world.most_at_once == 2
    for key in range(5):
        of_key = [call for call in world.calls if int(call[1:]) % 5 == key]
        assert of_key == sorted(of_key)


async def test_a_crash_makes_at_most_one_batch_be_asked_again() -> None:
    lab, world = Lab(log=FragileLog(kill_at_append=4)), World()
    lab.write(*(refund("p", f"r{number}") for number in range(20)))
    with pytest.raises(Killed):
        await sink(lab, world, batch_size=5).catch_up()
    lab.log.kill_at_append = None
    await sink(lab, world, batch_size=5).catch_up()
    assert len(world.calls) == 25


async def test_a_repeat_of_an_upstream_is_not_acted_on() -> None:
    lab, world = Lab(), World()
    source = [f"payments.events.v1/0/{number}/0".encode() for number in (1, 2, 1)]
    for number, position in enumerate(source):
        record = refund("p", f"r{number}")
        lab.write_bytes(b"p", CODEC.encode(record), [("saldo-source", position)])
    await sink(lab, world).catch_up()
    assert world.calls == ["r0", "r1"]
