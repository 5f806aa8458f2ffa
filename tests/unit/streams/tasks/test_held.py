"""What only has to wait (Delayed) holds its own key back, durably and in order, and is tried again by itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.proofs.rebuild import compare_agents
from schemas.failures import Delayed, Unreadable
from schemas.records.payments import RefundApplied
from schemas.records.tasks import (
    ParkedDiscardRequested,
    ParkedRecordReleased,
    ParkedReplayRequested,
    RecordParked,
)
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import Effect
from streams.tasks.stores import MemoryStore, SqliteStore, StateStore
from streams.tasks.task import Task, TaskRules
from tests.support.signing import RING
from tests.support.task_lab import (
    CODEC,
    DLQ,
    INBOX,
    Counted,
    FragileLog,
    Killed,
    Lab,
    effect,
    ids_of,
    refund,
)
from tests.support.typed import as_a

WHEN = datetime(2026, 11, 20, tzinfo=UTC)
AT_ONCE = TaskRules(failures_in_a_row=3, held_retries=5, held_first_s=0.0, held_longest_s=0.0)


@dataclass
class World:
    """Books outside; `delayed` are payments that somebody has open, `wrong` those that nobody can decide."""

    delayed: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
    documents: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    async def perform(self, _state: Counted, record: Any) -> tuple[Any, ...]:
        reference = record.refund_transaction_id
        self.calls.append(reference)
        if record.paytrace_transaction_id in self.wrong:
            raise Unreadable("nobody can decide it")
        if record.paytrace_transaction_id in self.delayed:
            raise Delayed(f"{record.paytrace_transaction_id} is open elsewhere")
        if reference not in self.documents:
            self.documents.append(reference)
        return (
            RefundApplied(
                paytrace_transaction_id=record.paytrace_transaction_id,
                refund_transaction_id=reference,
                amount_minor=record.amount_minor,
                currency=record.currency,
                occurred_at=record.occurred_at,
            ),
        )

    async def perform_checked(self, state: Counted, record: Any, permit: str) -> tuple[Any, ...]:
        self.checked.append(permit)
        return await self.perform(state, record)

    @property
    def processor(self) -> Effect[Counted, Any, Any]:
        return effect(perform=self.perform, perform_checked=self.perform_checked, recall=_recall)


def _recall(events: Any) -> Any:
    reported = {event.refund_transaction_id: event for event in events if isinstance(event, RefundApplied)}

    async def perform(_state: Counted, record: Any) -> tuple[Any, ...]:
        return (reported[record.refund_transaction_id],)

    return perform


def sink(lab: Lab, world: World, rules: TaskRules = AT_ONCE, store: StateStore[Counted] | None = None) -> Task[Counted]:
    return Task(
        world.processor,
        0,
        log=lab.log,
        store=MemoryStore() if store is None else store,
        codec=CODEC,
        ring=RING,
        membership=lab.membership,
        observer=SilentObserver(),
        rules=rules,
    )


async def turn(task: Task[Counted]) -> None:
    """What tending does with a task that is not fed."""
    await task.catch_up()
    await task.retry_held()
    await task.catch_up()


def parked(lab: Lab) -> list[RecordParked]:
    return [event for event in lab.journal() if isinstance(event, RecordParked)]


async def differing(lab: Lab, world: World) -> list[str]:
    found = await compare_agents([world.processor], lab.log, CODEC, RING)
    return [comparison.what for comparison in found if not comparison.is_identical]


async def test_one_key_that_has_to_wait_holds_nobody_else_back_and_keeps_its_order() -> None:
    lab, world = Lab(), World({"p"})
    lab.write(refund("p", "r1"), refund("q", "r2"), refund("p", "r3"), refund("q", "r4"))
    task = sink(lab, world)
    await turn(task)
    assert ids_of(lab.journal()) == ["r2", "r4"]
    assert task.stalled_because is None
    world.delayed.clear()
    await turn(task)
    assert ids_of(lab.journal()) == ["r2", "r4", "r1", "r3"]
    assert task.progress is not None
    assert (task.progress.parked, task.progress.held) == ({}, set())
    assert await differing(lab, world) == []


async def test_a_held_key_is_visible_as_held_and_with_its_reason() -> None:
    lab, world = Lab(), World({"p"})
    lab.write(refund("p", "r1"), refund("p", "r2"))
    await sink(lab, world).catch_up()
    first, second = parked(lab)
    assert (first.is_held, first.behind, first.message) == (True, None, "p is open elsewhere")
    assert (second.is_held, second.behind) == (False, 0)
    assert len(lab.log.records(DLQ, 0)) == 2


async def test_it_is_not_asked_for_before_its_time_and_never_twice_at_once() -> None:
    lab, world = Lab(), World({"p"})
    lab.write(refund("p", "r1"))
    patient = sink(lab, world, replace(AT_ONCE, held_first_s=3600.0))
    await turn(patient)
    await turn(patient)
    assert len(lab.log.records(INBOX, 0)) == 1
    eager = sink(lab, world)
    await eager.catch_up()
    for _ in range(3):
        await eager.retry_held()
    requests = [as_a(ParkedReplayRequested, CODEC.decode(record.value)) for record in lab.log.records(INBOX, 0)[1:]]
    assert [(request.retry, request.requested_by) for request in requests] == [(1, "counting/0")]


@pytest.mark.parametrize("on_disk", [True, False])
async def test_a_held_key_is_held_and_tried_again_after_a_restart(tmp_path: Path, on_disk: bool) -> None:
    def store() -> StateStore[Counted]:
        return SqliteStore(tmp_path / "task.sqlite", Counted) if on_disk else MemoryStore()

    lab, world = Lab(), World({"p"})
    lab.write(refund("p", "r1"))
    await turn(sink(lab, world, store=store()))
    restarted = sink(lab, world, store=store())
    lab.write(refund("p", "r2"))
    await turn(restarted)
    assert ids_of(lab.journal()) == []
    world.delayed.clear()
    await turn(sink(lab, world, store=store()))
    assert ids_of(lab.journal()) == ["r1", "r2"]


async def test_the_next_of_its_key_is_held_in_its_turn_and_the_first_is_done() -> None:
    lab, world = Lab(), World({"p"})
    lab.write(refund("p", "r1"), refund("p", "r2"))
    task = sink(lab, world)
    await turn(task)
    original = world.perform

    async def only_the_first(state: Counted, record: Any) -> tuple[Any, ...]:
        if record.refund_transaction_id == "r1":
            world.delayed.discard("p")
        try:
            return await original(state, record)
        finally:
            world.delayed.add("p")

    task._decider = replace(task._decider, processor=replace(world.processor, perform=only_the_first))
    await turn(task)
    assert ids_of(lab.journal()) == ["r1"]
    assert [(event.offset, event.behind, event.is_held) for event in parked(lab)] == [
        (0, None, True),
        (1, 0, False),
        (1, None, True),
    ]
    assert await differing(lab, world) == []


async def test_what_waits_too_often_or_turns_out_wrong_is_left_to_a_person() -> None:
    for is_wrong in (False, True):
        lab, world = Lab(), World({"p"})
        lab.write(refund("p", "r1"))
        task = sink(lab, world)
        await turn(task)
        world.wrong |= {"p"} if is_wrong else set()
        for _ in range(10):
            await turn(task)
        last = parked(lab)[-1]
        assert (last.is_held, last.error_type) == (False, "Unreadable" if is_wrong else "Delayed")
        assert len(lab.log.records(INBOX, 0)) == (3 if is_wrong else 1 + AT_ONCE.held_retries)
        assert task.progress is not None
        assert (task.progress.parked, task.progress.held, task.progress.failures) == ({b"p": (0,)}, set(), 1)
        assert await differing(lab, world) == []


async def test_a_persons_replay_is_distinguished_from_the_tasks_own_and_its_name_is_the_same_after_a_crash() -> None:
    lab, world = Lab(), World(wrong={"p"})
    lab.write(refund("p", "r1"))
    task = sink(lab, world)
    await turn(task)
    assert world.checked == []
    request = ParkedReplayRequested(record_key=b"p", requested_by="dana", reason="looked", requested_at=WHEN)
    lab.write_record(request)
    world.wrong.clear()
    lab.log.kill_at_append = lab.log.appends + 2
    with pytest.raises(Killed):
        await task.catch_up()
    lab.log.kill_at_append = None
    await sink(lab, world).catch_up()
    assert world.checked == ["e1 (dana)"] * 2
    assert ids_of(lab.journal()) == ["r1"]


async def test_a_signed_replay_that_a_stranger_writes_a_second_time_permits_nothing_more() -> None:
    lab, world = Lab(), World(wrong={"p"})
    lab.write(refund("p", "r1"))
    task = sink(lab, world)
    await turn(task)
    request = ParkedReplayRequested(record_key=b"p", requested_by="dana", reason="looked", requested_at=WHEN)
    signed = lab.write_record(request)
    lab.write_bytes(signed.key, signed.value, signed.headers)
    await turn(task)
    assert world.checked == ["e1 (dana)"] * 2


async def test_a_retry_that_comes_late_does_not_touch_what_a_person_has_to_decide() -> None:
    lab, world = Lab(), World(wrong={"p"})
    lab.write(refund("p", "r1"))
    task = sink(lab, world)
    await turn(task)
    late = ParkedReplayRequested(record_key=b"p", requested_by="counting/0", reason="", requested_at=WHEN, retry=3)
    lab.write_record(late)
    await task.catch_up()
    assert world.calls == ["r1"]


async def test_a_held_record_can_be_given_up_and_what_follows_goes_on() -> None:
    lab, world = Lab(), World({"p"})
    lab.write(refund("p", "r1"), refund("p", "r2"))
    task = sink(lab, world)
    await turn(task)
    lab.write_record(
        ParkedDiscardRequested(record_key=b"p", offset=0, requested_by="dana", reason="by hand", requested_at=WHEN)
    )
    world.delayed.clear()
    await turn(task)
    assert ids_of(lab.journal()) == ["r2"]
    assert await differing(lab, world) == []


async def test_keys_that_wait_in_a_row_make_the_task_wait_and_it_goes_on_by_itself() -> None:
    lab, world = Lab(), World({f"p{number}" for number in range(5)})
    lab.write(*(refund(f"p{number}", f"r{number}") for number in range(5)))
    task = sink(lab, world)
    await turn(task)
    assert task.stalled_because is not None
    world.delayed.clear()
    again = sink(lab, world)
    await turn(again)
    assert sorted(ids_of(lab.journal())) == [f"r{number}" for number in range(5)]


@pytest.mark.parametrize("clears", ["in its time", "with the crash"])
@pytest.mark.parametrize("records_before_kill", [0, 1, 2])
async def test_a_crash_at_any_append_loses_and_doubles_nothing(records_before_kill: int, clears: str) -> None:
    for kill_at in range(1, 16):
        lab = Lab(log=FragileLog(records_before_kill=records_before_kill))
        world = World({"p"})
        lab.write(refund("p", "r1"), refund("q", "r2"), refund("p", "r3"))
        lab.log.kill_at_append = kill_at
        task = sink(lab, world)
        for step in range(8):
            world.delayed = {"p"} & world.delayed if step < 3 else set()
            try:
                await turn(task)
            except Killed:
                lab.log.kill_at_append = None
                task = sink(lab, world)
                # What was done is accepted downstream although later records had sent theirs before the crash.
                world.delayed = world.delayed if clears == "in its time" else set()
        assert sorted(world.documents) == ["r1", "r2", "r3"]
        assert [name for name in ids_of(lab.journal()) if name != "r2"] == ["r1", "r3"]
        assert sorted(movement.movement_id for movement in lab.outputs()) == ["r1", "r2", "r3"]  # type: ignore[attr-defined]  # by make
        released = [event.offset for event in lab.journal() if isinstance(event, ParkedRecordReleased)]
        assert len(released) == len(set(released))
        assert await differing(lab, world) == []


async def test_a_worker_that_comes_back_late_and_its_successor_hold_one_key_once() -> None:
    lab, world = Lab(), World({"p"})
    lab.write(refund("p", "r1"), refund("p", "r2"))
    paused, successor = sink(lab, world), sink(lab, world)
    await turn(paused)
    await turn(successor)
    world.delayed.clear()
    await paused.retry_held()
    await turn(successor)
    await turn(paused)
    await turn(successor)
    assert ids_of(lab.journal()) == ["r1", "r2"]
    assert world.documents == ["r1", "r2"]
    assert await differing(lab, world) == []
