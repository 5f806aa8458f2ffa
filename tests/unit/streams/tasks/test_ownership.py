"""A partition has one owner at a time; who lost it notices before it writes, and at the latest after one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import pytest

from schemas.failures import Unavailable
from streams.log.cluster import Cluster
from streams.log.outbound import Outbound
from streams.log.ports import DeliveryFailed
from streams.log.records import Inbound, partition_for
from streams.tasks.manager import TaskManager
from streams.tasks.membership import GroupMembership
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.signing import RING
from tests.support.task_lab import CODEC, COUNTING, INBOX, JOURNAL, NEXT, Counted, FragileLog, Lab, ids_of, refund


@dataclass
class Scripted:
    """Says yes as long as the script does, and then no."""

    answers: list[bool] = field(default_factory=list)
    asked: int = 0

    async def holds(self, topic: str, partition: int) -> bool:
        self.asked += 1
        return self.answers.pop(0) if self.answers else False


async def test_a_task_that_is_not_the_owner_does_not_even_read() -> None:
    lab = Lab(membership=Scripted())
    await lab.task.advance(lab.write(refund("p", "r1")))
    assert lab.task.progress is None


async def test_a_task_that_loses_its_partition_while_it_decides_writes_nothing() -> None:
    lab = Lab(membership=Scripted([True, False]))
    await lab.task.advance(lab.write(refund("p", "r1")))
    assert lab.log.order == []
    assert lab.task.progress is None


async def test_a_task_that_lost_its_partition_forgets_and_learns_anew_from_the_journal() -> None:
    membership = Scripted([True, True, False, True, True])
    lab = Lab(membership=membership)
    await lab.task.advance(lab.write(refund("p", "r1")))
    assert await lab.task.catch_up() == 0
    assert lab.task.progress is None
    successor = Lab(log=lab.log)
    await successor.task.advance(successor.write(refund("p", "r2")))
    await lab.task.advance(lab.write(refund("p", "r3")))
    assert ids_of(lab.journal()) == ["r1", "r2", "r3"]
    assert len(lab.log.records(JOURNAL, 0)) == 3


async def test_a_paused_owner_repeats_one_batch_and_stops_at_the_journal_of_its_successor() -> None:
    lab = Lab()
    lab.task.processor = replace(lab.task.processor, batch_size=4)
    await lab.task.advance(lab.write(refund("p", "r0")))
    successor = lab.new_task(MemoryStore())
    lab.write(*(refund("p", f"r{number}") for number in range(1, 21)))
    await successor.catch_up()
    before = len(lab.log.records(JOURNAL, 0))
    # The first wakes up and still believes.
    await lab.task.catch_up()
    assert len(lab.log.records(JOURNAL, 0)) == before + 4
    assert lab.task.progress is None
    assert ids_of(lab.journal()) == [f"r{number}" for number in range(21)]
    assert lab.outputs() == Lab(log=lab.log).outputs()
    await lab.task.catch_up()
    assert len(lab.log.records(JOURNAL, 0)) == before + 4
    assert lab.store.get(b"p") == Counted(tuple(f"r{number}" for number in range(21)), 2100)


async def test_a_task_alone_on_its_journal_never_takes_itself_for_another_writer() -> None:
    lab = Lab()
    for number in range(3):
        await lab.task.advance(lab.write(refund("p", f"r{number}", 3000)))
        assert lab.task.progress is not None
        assert lab.task.progress.journal_end == 2 * (number + 1)


# -- the coordinator's word ----------------------------------------------------------------------------------------


class Coordinator(GroupMembership):
    """Answers by script instead of over the network; a pause falls into the question or between two."""

    def __init__(self, answers: Sequence[Any]) -> None:
        super().__init__(
            Cluster({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}),
            group="g",
            client_id="me",
            session_timeout_s=10,
        )
        self.answers = list(answers)
        self.asked = 0
        self.now = 100.0
        self.pause_s = 0.0

    def _ask(self) -> frozenset[tuple[str, int]]:
        self.asked += 1
        self.now += self.pause_s
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return frozenset(answer)


OURS = (INBOX, 0)


@pytest.fixture
def coordinator(monkeypatch: pytest.MonkeyPatch) -> Coordinator:
    found = Coordinator([{OURS}])
    monkeypatch.setattr("streams.tasks.membership.monotonic_s", lambda: found.now)
    return found


async def test_an_answer_counts_for_half_a_session_and_not_longer(coordinator: Coordinator) -> None:
    coordinator.answers = [{OURS}, set()]
    assert await coordinator.holds(*OURS)
    assert not await coordinator.holds(INBOX, 1)
    coordinator.now += 4.9
    assert await coordinator.holds(*OURS)
    assert coordinator.asked == 1
    coordinator.now += 0.2
    assert not await coordinator.holds(*OURS)
    assert coordinator.asked == 2


async def test_an_answer_is_as_old_as_its_question(coordinator: Coordinator) -> None:
    coordinator.answers = [{OURS}, set()]
    coordinator.pause_s = 60.0
    await coordinator.holds(*OURS)
    assert not await coordinator.holds(*OURS)


async def test_when_the_coordinator_cannot_be_asked_nothing_is_ours(coordinator: Coordinator) -> None:
    coordinator.answers = [{OURS}, Unavailable("away"), {OURS}]
    assert await coordinator.holds(*OURS)
    coordinator.now += 6
    assert not await coordinator.holds(*OURS)
    coordinator.now += 6
    assert await coordinator.holds(*OURS)


# -- the task manager
# ------------------------------------------------------------------------------------------------------


class Halted(Exception):
    """The process would have ended here."""


def halt(reason: str) -> NoReturn:
    raise Halted(reason)


class Slow(FragileLog):
    """Acknowledges when told to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.appending = asyncio.Event()
        self.acknowledged = asyncio.Event()

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        if records:
            self.appending.set()
            await self.acknowledged.wait()
        return await super().append(records)


def task_manager_on(log: FragileLog) -> TaskManager:
    def new_task(processor: AnyProcessor, partition: int) -> Task[Any]:
        return Task(
            processor,
            partition,
            log=log,
            store=MemoryStore(),
            codec=CODEC,
            ring=RING,
            membership=Lab().membership,
            observer=SilentObserver(),
            rules=TaskRules(),
        )

    return TaskManager([COUNTING], new_task, halt)


def keys_of(partition: int, partitions: int) -> list[str]:
    return [key for number in range(200) if partition_for((key := f"p{number}").encode(), partitions) == partition]


def write(log: FragileLog, partition: int, *records: Any) -> list[Inbound]:
    return [
        log.records(INBOX, partition)[
            log._append(
                Outbound(
                    topic=INBOX,
                    partition=partition,
                    key=record.paytrace_transaction_id.encode(),
                    value=CODEC.encode(record),
                    headers=(),
                )
            )
        ]
        for record in records
    ]


async def test_a_delivery_of_several_partitions_goes_to_the_task_of_each() -> None:
    log = FragileLog()
    log._partitions |= {INBOX: 2, JOURNAL: 2}
    manager = task_manager_on(log)
    first, second = keys_of(0, 2)[0], keys_of(1, 2)[0]
    records = [*write(log, 0, refund(first, "r1")), *write(log, 1, refund(second, "r2"))]
    await manager.advance(COUNTING, records)
    assert [len(log.records(JOURNAL, partition)) for partition in (0, 1)] == [1, 1]
    assert [task.name for task in manager.tasks] == ["counting/0", "counting/1"]


async def test_tending_reads_what_was_never_delivered_of_assigned_partitions_only() -> None:
    log = FragileLog()
    log._partitions |= {INBOX: 2, JOURNAL: 2}
    manager = task_manager_on(log)
    write(log, 0, refund(keys_of(0, 2)[0], "r1"))
    write(log, 1, refund(keys_of(1, 2)[0], "r2"))
    await manager.tend([(INBOX, 0), (NEXT, 0)])
    assert [len(log.records(JOURNAL, partition)) for partition in (0, 1)] == [1, 0]


async def test_a_delivery_failure_ends_the_process() -> None:
    class Failing(FragileLog):
        async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
            raise DeliveryFailed("no acknowledgement")

    log = Failing()
    manager = task_manager_on(log)
    with pytest.raises(Halted, match="DeliveryFailed: no acknowledgement"):
        await manager.advance(COUNTING, write(log, 0, refund("p", "r1")))


async def test_a_cancelled_agent_does_not_cut_its_batch_in_two() -> None:
    log = Slow()
    manager = task_manager_on(log)
    agent = asyncio.ensure_future(manager.advance(COUNTING, write(log, 0, refund("p", "r1"))))
    await log.appending.wait()
    agent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await agent
    log.acknowledged.set()
    await manager.release([(INBOX, 0)])
    assert len(log.records(JOURNAL, 0)) == 1


async def test_a_partition_is_let_go_only_when_the_batch_in_hand_is_written() -> None:
    log = Slow()
    manager = task_manager_on(log)
    agent = asyncio.ensure_future(manager.advance(COUNTING, write(log, 0, refund("p", "r1"))))
    await log.appending.wait()
    leaving = asyncio.ensure_future(manager.release([(INBOX, 0)]))
    await asyncio.sleep(0)
    assert not leaving.done()
    log.acknowledged.set()
    await asyncio.gather(agent, leaving)
    assert len(log.records(JOURNAL, 0)) == 1
    assert manager.tasks[0].progress is None
