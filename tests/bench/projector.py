"""The projector, against the least that the same work can cost.

The floor: read every message with the bare consumer, and insert the very same rows with the bare client. What the
projector adds is decoding, high-water marks, rows and positions.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from projections.batches.batch import Batch, columns_of
from projections.batches.lag import ProjectorStatus
from projections.batches.positions import Progress
from projections.messages.topics import projected_topics
from projections.projector.writer import Projector, open_log
from projections.serving.settings import ProjectionSettings
from projections.store.client import open_store
from projections.store.migrate import migrate
from projections.tables.table import Table
from schemas.wire.codec import Codec
from streams.log.ports import Log, Partition
from streams.log.records import Inbound
from tests.bench.figures import Figure, Run, Stopwatch, compared
from tests.support.kafka import client_options, make_topics, projector_options
from tests.support.scripted import Script

Blocks = Sequence[tuple[Table[Any], Sequence[Sequence[Any]]]]


FLOOR = "read and insert"


def measure(bootstrap: str, directory: Path, payments: int, rounds: int) -> list[Figure]:
    """Project the messages of so many payments, in turns with the floor."""
    messages = day(payments)
    make_topics(bootstrap, dict.fromkeys(projected_topics(), 4))
    fill(bootstrap, messages)
    batch = Batch({}, Codec())
    for message in messages:
        batch.add(message)
    blocks = [(table, columns_of(parts)) for table, parts in batch.parts()]
    rows = batch.tally.rows
    found: dict[str, list[Run]] = {FLOOR: [], "projector": []}
    for number in range(rounds):
        floor, projector = Stopwatch(), Stopwatch()
        bare_read(bootstrap, len(messages), floor)
        bare_insert(directory / f"floor-{number}", blocks, floor)
        project(directory / f"projector-{number}", bootstrap, len(messages), projector)
        found[FLOOR].append(floor.run(rows))
        found["projector"].append(projector.run(rows))
    return compared("projector", found, floor=FLOOR, unit="rows/s", goals={"projector": ">= 0.5"})


class StopWhenStored(ProjectorStatus):
    """Stops the projector once so many messages are stored."""

    def __init__(self, log: Log, message_count: int, stop: threading.Event) -> None:
        super().__init__(log)
        self._message_count = message_count
        self._stop = stop
        self._next: dict[Partition, int] = {}

    def stored(self, progress: Mapping[Partition, Progress]) -> None:
        """Count, and stop at the last one."""
        self._next.update({partition: known.next_offset for partition, known in progress.items()})
        if sum(self._next.values()) >= self._message_count:
            self._stop.set()


def day(payment_count: int) -> list[Inbound]:
    """Payments that go the whole way."""
    script = Script()
    for number in range(payment_count):
        payment = f"8{number:07d}"
        script.captured(payment, 100 + number)
        script.identified(payment, 100 + number)
        script.matched(payment, 100 + number)
        script.requested(payment, 100 + number)
        script.command(payment, 100 + number)
        script.posted(payment, 100 + number)
        script.entry_posted(payment, 100 + number)
    return script.messages


def fill(bootstrap: str, messages: Sequence[Inbound]) -> None:
    """Write every message where the script says."""
    producer = Producer({**client_options(bootstrap), "queue.buffering.max.messages": len(messages) + 1})
    for message in messages:
        producer.produce(
            message.topic,
            value=message.value,
            key=message.key,
            headers=list(message.headers),
            partition=message.partition,
            timestamp=message.timestamp_ms,
        )
        producer.poll(0)
    if producer.flush(60) != 0:
        raise RuntimeError("the broker did not take every message")


def bare_read(bootstrap: str, message_count: int, watch: Stopwatch) -> None:
    """Receive every message and look at none."""
    consumer = Consumer({**client_options(bootstrap), "group.id": "bench", "enable.auto.commit": False})
    with watch.running():
        consumer.assign([TopicPartition(topic, number, 0) for topic in projected_topics() for number in range(4)])
        left = message_count
        while left > 0:
            left -= len(consumer.consume(min(5_000, left), timeout=1.0))
    consumer.close()


def bare_insert(path: Path, blocks: Blocks, watch: Stopwatch) -> None:
    """Insert rows that are ready, in one block for each table."""
    store = open_store(f"chdb://{path}")
    migrate(store)
    with watch.running():
        for table, columns in blocks:
            store.insert(table.name, table.column_names, columns)
    store.close()


def project(path: Path, bootstrap: str, message_count: int, watch: Stopwatch) -> None:
    """Run the projector from its start (tables ready) until everything is stored."""
    settings = ProjectionSettings(
        clickhouse_dsn=f"chdb://{path}",
        bootstrap_servers=bootstrap,
        data_dir=path,
        kafka_options=projector_options(bootstrap),
    )
    store = open_store(settings.clickhouse_dsn)
    migrate(store)
    stop = threading.Event()
    log = open_log(settings)
    projector = Projector(settings, store, log, StopWhenStored(log, message_count, stop), Codec())
    with watch.running():
        projector.run(stop)
    log.close()
    store.close()
