"""The task layer on a real broker: paused workers, a broker that dies in the middle of an append, a long catch-up."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.records.payments import TransactionStatus
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text, source_position
from streams.agents import FOLD_PAYMENTS as ADOPTING_FOLD
from streams.domain import payments
from streams.log import kafka as kafka_module
from streams.log.cluster import Cluster
from streams.log.kafka import KafkaLog
from streams.log.outbound import Outbound
from streams.log.ports import DeliveryFailed
from streams.log.records import Inbound, partition_for
from streams.tasks.membership import GroupMembership, SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore, digest
from streams.tasks.task import Task, TaskRules
from tests.support.builders import observation
from tests.support.kafka import TestBroker, client_options, make_topics, running_broker, unique
from tests.support.policies import by_shipped_rules
from tests.support.signing import RING
from tests.support.worker_process import (
    SESSION_S,
    Workers,
    causes,
    make_our_topics,
    outbound,
    produce,
    read_all,
    split_repeats,
    wait_until,
)

INBOX, JOURNAL, NEXT = "payments.observations.v1", "payments.events.v1", "identification.inbox.v1"
BATCH = 500
CODEC = Codec()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of this module's own, for its topics carry the catalogue's names."""
    with running_broker(tmp_path_factory.mktemp("worker")) as running:
        make_our_topics(running)
        yield running


@pytest.fixture
async def log(broker: str) -> AsyncIterator[KafkaLog]:
    opened = KafkaLog({**client_options(broker), "log_level": 2})
    yield opened
    await asyncio.to_thread(opened.close)


def observations(first: int, count: int) -> Iterator[Outbound]:
    for number in range(first, first + count):
        yield outbound(INBOX, observation(TransactionStatus.PENDING_SETTLEMENT, payment=f"8{number:07d}", invoice=None))


FOLD_PAYMENTS = by_shipped_rules(ADOPTING_FOLD)


def fold_task(log: KafkaLog, partition: int, processor: Any = FOLD_PAYMENTS) -> Task[payments.State]:
    return Task(
        processor,
        partition,
        log=log,
        store=MemoryStore(),
        codec=CODEC,
        ring=RING,
        membership=SoleOwner(),
        observer=SilentObserver(),
        rules=TaskRules(),
    )


@pytest.mark.timeout(300)
@pytest.mark.journey
async def test_a_worker_paused_longer_than_its_session_repeats_at_most_the_batch_in_hand(
    broker: str, log: KafkaLog, tmp_path: Path
) -> None:
    workers = Workers(broker, tmp_path)
    try:
        paused = workers.start("one")
        workers.start("two")
        wait_until(
            lambda: len(workers.partitions_of("one", INBOX)) == len(workers.partitions_of("two", INBOX)) == 2,
            "two partitions each",
        )
        lost = workers.partitions_of("one", INBOX)
        written = await _paused_in_the_middle_of_its_work(broker, log, paused.pid, lost)
        wait_until(lambda: workers.partitions_of("two", INBOX) == {0, 1, 2, 3}, "the partitions move")
        produce(broker, observations(written, 2_000))
        await _decided(log, written + 2_000)
        os.kill(paused.pid, signal.SIGCONT)
        # It must notice, join again and write no more than what it had in hand.
        wait_until(lambda: len(workers.partitions_of("one", INBOX)) == 2, "the paused worker is back")
        produce(broker, observations(written + 2_000, 1_000))
        await _decided(log, written + 3_000)
    finally:
        workers.stop()
    for topic in (JOURNAL, NEXT):
        # The next context writes into its own inbox too; this is about what the paused agent writes.
        found = [record for record in await read_all(log, topic) if _caused_by_inbox(record)]
        # The rules that the workers begin with are on each partition besides.
        written_here = [one for one in found if header_text(one.headers, "ce_type") != "RulesAdopted"]
        accepted, repeats = split_repeats(written_here)
        repeated = {partition: len({cause for cause in causes(repeats) if cause[1] == partition}) for partition in lost}
        print(f"{topic}: {len(accepted)} accepted, {len(repeats)} repeats, inbox records repeated {repeated}")  # noqa: T201
        assert len(accepted) == written + 3_000
        assert all(count <= BATCH for count in repeated.values())
        assert {cause[1] for cause in causes(repeats)} <= lost


async def _paused_in_the_middle_of_its_work(broker: str, log: KafkaLog, pid: int, partitions: frozenset[int]) -> int:
    """Give it work and pause it while it is at it; the number of records written until that came about.

    A busy machine may let it finish before we pause it, so it gets more work then.
    """
    for written in range(6_000, 60_001, 6_000):
        before = await _ends(log, JOURNAL, partitions)
        produce(broker, observations(written - 6_000, 6_000))
        for _ in range(3_000):
            if await _ends(log, JOURNAL, partitions) > before + 200:
                break
            await asyncio.sleep(0.02)
        os.kill(pid, signal.SIGSTOP)
        if before < await _ends(log, JOURNAL, partitions) < await _ends(log, INBOX, partitions):
            return written
        os.kill(pid, signal.SIGCONT)
    raise AssertionError("ten times the worker had finished before it was paused, or decided nothing")


async def _ends(log: KafkaLog, topic: str, partitions: frozenset[int]) -> int:
    return sum([(await log.watermarks(topic, partition))[1] for partition in partitions])


def _caused_by_inbox(record: Inbound) -> bool:
    source = source_position(record.headers)
    return source is not None and source.topic == INBOX


async def _decided(log: KafkaLog, count: int) -> None:
    accepted: list[Any] = []
    for _ in range(450):
        # Reading all is asked for only once there is enough: the worker needs the processor too.
        if await _ends(log, JOURNAL, frozenset(range(4))) >= count:
            accepted = split_repeats(await read_all(log, JOURNAL))[0]
            if len(accepted) >= count:
                return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{len(accepted)} of {count} decided")


async def test_only_partitions_of_our_own_member_are_ours(broker: str, tmp_path: Path) -> None:
    workers = Workers(broker, tmp_path, env={"SALDO_KAFKA_GROUP": "saldo"})
    try:
        workers.start("one")
        wait_until(lambda: len(workers.partitions_of("one", INBOX)) == 4, "four partitions")
        stranger = GroupMembership(
            Cluster(client_options(broker)),
            group="saldo",
            client_id="somebody-else",
            session_timeout_s=SESSION_S,
        )
        assert not any([await stranger.holds(INBOX, partition) for partition in range(4)])
    finally:
        workers.stop()


@pytest.mark.timeout(300)
async def test_a_task_far_behind_catches_up_by_direct_reading(broker: str, log: KafkaLog) -> None:
    own: Any = unique("journal")  # a topic of this test, which no catalogue names
    processor = replace(FOLD_PAYMENTS, journal=own)
    make_topics(broker, {processor.journal: 4})
    _, before = await log.watermarks(INBOX, 0)
    here = (number for number in range(100_000, 900_000) if partition_for(f"8{number:07d}".encode(), 4) == 0)
    produce(broker, (next(observations(number, 1)) for number in itertools.islice(here, 12_000)))
    _, end = await log.watermarks(INBOX, 0)
    assert end - before == 12_000
    task = fold_task(log, 0, processor)
    while await task.catch_up():
        continue
    assert task.progress is not None
    assert task.progress.position == end
    (start, journal_end), accepted = await log.watermarks(processor.journal, 0), 0
    async for batch in log.read(processor.journal, 0, start, journal_end):
        accepted += len(batch)
    assert accepted == journal_end == task.progress.journal_end == end


@pytest.mark.timeout(300)
@pytest.mark.journey
async def test_a_broker_that_dies_while_we_append_is_fatal_and_leaves_nothing_half_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_module, "DELIVERY_TIMEOUT_S", 3.0)
    server = TestBroker(tmp_path / "broker", die_with_parent=True).start()
    try:
        bootstrap = server.bootstrap_servers
        make_topics(bootstrap, dict.fromkeys((INBOX, JOURNAL, NEXT, "ledger.inbox.v1", "subscriptions.inbox.v1"), 1))
        produce(bootstrap, (replace(record, partition=0) for record in observations(0, 4_000)))
        log = KafkaLog({**client_options(bootstrap), "log_level": 0})
        task = fold_task(log, 0)
        running = asyncio.ensure_future(task.catch_up())
        for _ in range(10_000):
            if task.progress is not None and task.progress.position >= 500:
                break
            await asyncio.sleep(0.005)
        server.kill()
        with pytest.raises(DeliveryFailed):
            await running
        assert task.progress is not None
        kept = task.progress.position
        assert kept < 4_000
        await asyncio.to_thread(log.close)
        server = TestBroker(tmp_path / "broker", die_with_parent=True).start()
        log = KafkaLog(client_options(server.bootstrap_servers))
        again = fold_task(log, 0)
        assert (await again.restore()).position >= kept
        while await again.catch_up():
            continue
        accepted, _ = split_repeats(await read_all(log, JOURNAL))
        assert [cause[2] for cause in sorted(causes(accepted))] == list(range(4_000))
        assert len(accepted) == 4_000
        assert len(split_repeats(await read_all(log, NEXT))[0]) == 4_000
        # The state equals the one of a task that saw no broker die.
        fresh = fold_task(log, 0)
        await fresh.restore()
        assert digest(fresh._store.items()) == digest(again._store.items())
        await asyncio.to_thread(log.close)
    finally:
        server.stop()


async def test_a_failed_acknowledgement_is_raised_and_no_later_record_passes_it(kafka: str) -> None:
    topic = unique("small")
    make_topics(kafka, {topic: 1}, {"max.message.bytes": "2000"})
    log = KafkaLog({**client_options(kafka), "log_level": 2})
    try:
        fits = [Outbound(topic=topic, partition=0, key=b"k", value=b"x%d" % number, headers=()) for number in range(3)]
        assert await log.append(fits) == [0, 1, 2]
        too_large = replace(fits[0], value=os.urandom(5_000))
        with pytest.raises(DeliveryFailed):
            await log.append([fits[0], too_large, fits[1]])
        # The producer is dead: nothing that comes later can be taken for durable.
        with pytest.raises(DeliveryFailed):
            await log.append(fits)
        assert (await log.watermarks(topic, 0))[1] == 3
    finally:
        await asyncio.to_thread(log.close)
