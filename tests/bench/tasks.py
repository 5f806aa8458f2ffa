"""How fast is a task, against the least that the same work can cost? Run: python -m tests.bench.tasks [N]

The floor is measured in the same run on the same broker: read the same inbox with the bare consumer and write the very
same outputs and journal records with the bare producer (acks=all, idempotent), once in one stream and once waiting
for the acknowledgements of outputs and journal after every batch, as the delivery rule demands. What the task adds to
that is decoding, deciding, encoding, headers and state.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import catalog
from schemas.records.payments import TransactionStatus
from schemas.wire.codec import Codec
from streams.agents import FOLD_PAYMENTS
from streams.domain import payments
from streams.log.kafka import KafkaLog
from streams.log.records import Inbound
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore, SqliteStore, StateStore
from streams.tasks.task import Task, TaskRules
from tests.support.builders import observation
from tests.support.kafka import TestBroker, client_options, make_topics
from tests.support.policies import by_shipped_rules
from tests.support.signing import RING
from tests.support.worker_process import outbound, produce, read_all

INBOX = FOLD_PAYMENTS.inbox
# Its journal, the inboxes that it writes to, and its dead letters.
OUTPUTS = tuple(
    name for name, spec in catalog.topics().items() if FOLD_PAYMENTS.name in spec.producers and name != INBOX
)
COPY = "bench.copy"
CODEC = Codec()


def main(payment_count: int) -> None:
    """Fill a broker, measure the floors, the task and its restores, and print a table."""
    with tempfile.TemporaryDirectory() as directory, TestBroker(Path(directory), die_with_parent=True) as broker:
        bootstrap = broker.bootstrap_servers
        make_topics(bootstrap, dict.fromkeys((INBOX, *OUTPUTS, COPY), 1))
        count = fill(bootstrap, payment_count)
        asyncio.run(measure(bootstrap, count, Path(directory)))


def fill(bootstrap: str, payment_count: int) -> int:
    """Two observations per payment, pending and settled; the number of records."""
    statuses = (TransactionStatus.PENDING_SETTLEMENT, TransactionStatus.SETTLED)
    offsets = produce(
        bootstrap,
        (
            replace(outbound(INBOX, observation(status, payment=f"8{number:07d}", minute=minute)), partition=0)
            for minute, status in enumerate(statuses)
            for number in range(payment_count)
        ),
    )
    return len(offsets)


async def measure(bootstrap: str, count: int, directory: Path) -> None:
    """Everything on one log."""
    log = KafkaLog({**client_options(bootstrap), "log_level": 2})
    store = SqliteStore(directory / "task.sqlite", payments.State)
    task = new_task(log, store)
    task_s = await timed(lambda: caught_up(task))
    written = [record for name in OUTPUTS for record in await read_all(log, name)]
    read_s = bare_read(bootstrap, count)
    stream_s = bare_write(bootstrap, written, len(written))
    batches = -(-count // FOLD_PAYMENTS.batch_size)
    batch_s = bare_write(bootstrap, written, -(-len(written) // (2 * batches)))
    store.close()
    before_mb = memory_mb()
    memory = MemoryStore[payments.State]()
    restore_s = await timed(lambda: new_task(log, memory).restore())
    state_mb = memory_mb() - before_mb
    kept = SqliteStore(directory / "task.sqlite", payments.State)
    snapshot_s = await timed(lambda: new_task(log, kept).restore())
    kept.close()
    await asyncio.to_thread(log.close)
    stream_floor, batch_floor = read_s + stream_s, read_s + batch_s
    lines = (
        f"{count} inbox records, {len(written)} written (outputs and journal), batches of {FOLD_PAYMENTS.batch_size}",
        row("bare read + write, one stream", stream_floor, count, stream_floor),
        row("bare read + write, waiting twice a batch", batch_floor, count, stream_floor),
        row("task: decide, outputs, journal", task_s, count, stream_floor),
        f"task against the waiting floor: {task_s / batch_floor:.2f} times its time",
        row("restore from the journal", restore_s, count, stream_floor),
        f"restore with a snapshot: {snapshot_s * 1000:.0f} ms",
        f"memory: {memory_mb():.0f} MB at most; restoring {count // 2} states added {state_mb:.0f} MB to the peak",
    )
    sys.stdout.write("\n".join(lines) + "\n")


def row(what: str, seconds: float, count: int, floor_s: float) -> str:
    """One line of the table."""
    return f"{what:42} {seconds:7.2f} s {count / seconds:9.0f} records/s  {seconds / floor_s:5.2f} x floor"


def new_task(log: KafkaLog, store: StateStore[payments.State]) -> Task[payments.State]:
    """The task of fold-payments on its one partition."""
    return Task(
        by_shipped_rules(FOLD_PAYMENTS),
        0,
        log=log,
        store=store,
        codec=CODEC,
        ring=RING,
        membership=SoleOwner(),
        observer=SilentObserver(),
        rules=TaskRules(),
    )


async def caught_up(task: Task[payments.State]) -> None:
    """Decide everything that is there."""
    while await task.catch_up():
        continue


async def timed(work: Callable[[], Coroutine[Any, Any, object]]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def bare_read(bootstrap: str, count: int) -> float:
    """Seconds to receive the inbox and look at nothing."""
    consumer = Consumer({**client_options(bootstrap), "group.id": "bench", "enable.auto.commit": False})
    began = time.perf_counter()
    consumer.assign([TopicPartition(INBOX, 0, 0)])
    left = count
    while left > 0:
        left -= len(consumer.consume(2_000, timeout=1.0))
    took = time.perf_counter() - began
    consumer.close()
    return took


def bare_write(bootstrap: str, records: Sequence[Inbound], wait_every: int) -> float:
    """Seconds to write these bytes again, waiting for every acknowledgement after so many records."""
    producer = Producer(
        {
            **client_options(bootstrap),
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 2,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 500_000,
        }
    )
    began = time.perf_counter()
    for first in range(0, len(records), wait_every):
        for record in records[first : first + wait_every]:
            producer.produce(COPY, record.value, record.key, partition=0, headers=list(record.headers))
            producer.poll(0)
        if producer.flush(60) != 0:
            raise RuntimeError("the broker did not take every record")
    return time.perf_counter() - began


def memory_mb() -> float:
    """The most that this process held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15_000)
