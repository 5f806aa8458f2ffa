"""How fast is the projector, against the least that the same work can cost? Run: python -m tests.bench.projector [N]

The floor is measured in the same run on the same machine: read every message with the bare consumer, and insert the
very same rows with the bare client. What the projector adds is decoding, high-water marks, rows and positions.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
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
from tests.support.kafka import TestBroker, client_options, make_topics, projector_options
from tests.support.scripted import Script

Blocks = Sequence[tuple[Table[Any], Sequence[Sequence[Any]]]]


def main(payment_count: int) -> None:
    """Fill a broker, measure floor and projector, print both and their ratio."""
    messages = day(payment_count)
    with tempfile.TemporaryDirectory() as directory, TestBroker(Path(directory), die_with_parent=True) as broker:
        root = Path(directory)
        make_topics(broker.bootstrap_servers, dict.fromkeys(projected_topics(), 4))
        fill(broker.bootstrap_servers, messages)
        read_s = bare_read(broker.bootstrap_servers, len(messages))
        batch = Batch({}, Codec())
        for message in messages:
            batch.add(message)
        insert_s = bare_insert(root / "floor", [(table, columns_of(parts)) for table, parts in batch.parts()])
        projector_s = project(root / "projector", broker.bootstrap_servers, len(messages))
    rows, floor_s = batch.tally.rows, read_s + insert_s
    report = (
        f"{len(messages)} messages, {rows} rows",
        f"bare read      {read_s:7.2f} s  {len(messages) / read_s:9.0f} messages/s",
        f"bare insert    {insert_s:7.2f} s  {rows / insert_s:9.0f} rows/s",
        f"floor          {floor_s:7.2f} s  {rows / floor_s:9.0f} rows/s",
        f"projector      {projector_s:7.2f} s  {rows / projector_s:9.0f} rows/s",
        f"projector / floor in rows/s: {floor_s / projector_s:.2f}",
    )
    sys.stdout.write("\n".join(report) + "\n")


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


def bare_read(bootstrap: str, message_count: int) -> float:
    """Seconds to receive every message and look at none."""
    consumer = Consumer({**client_options(bootstrap), "group.id": "bench", "enable.auto.commit": False})
    began = time.perf_counter()
    consumer.assign([TopicPartition(topic, number, 0) for topic in projected_topics() for number in range(4)])
    left = message_count
    while left > 0:
        left -= len(consumer.consume(5_000, timeout=1.0))
    took = time.perf_counter() - began
    consumer.close()
    return took


def bare_insert(path: Path, blocks: Blocks) -> float:
    """Seconds to insert rows that are ready, in one block for each table."""
    store = open_store(f"chdb://{path}")
    migrate(store)
    began = time.perf_counter()
    for table, columns in blocks:
        store.insert(table.name, table.column_names, columns)
    took = time.perf_counter() - began
    store.close()
    return took


def project(path: Path, bootstrap: str, message_count: int) -> float:
    """Seconds from the projector's start (tables ready) until everything is stored."""
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
    began = time.perf_counter()
    projector.run(stop)
    took = time.perf_counter() - began
    log.close()
    store.close()
    return took


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
