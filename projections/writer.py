"""The projector: reads every topic from where the store says it is, and writes rows until it is told to stop.

For everyone who asks a report: what they see is what Kafka holds, each record once, and nothing is lost by killing
this process at any moment. It joins no consumer group and commits nothing to Kafka: its positions live in the store,
beside the rows (design.md section 3, rule 10), so throwing the store away is all that a rebuild takes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from projections import lag
from projections.batch import Batch
from projections.client import Store, open_read_only, open_store
from projections.endpoint import serve_endpoint
from projections.errors import HistoryGone
from projections.flush import flush
from projections.lag import ProjectorStatus
from projections.migrate import migrate
from projections.positions import Partition, Progress, load_progress
from projections.reading import Incoming
from projections.settings import ProjectionSettings
from projections.topics import projected_topics
from schemas.codec import Codec

logger = logging.getLogger(__name__)

# Messages per call: large enough that the call costs nothing, small enough to look at `stop` and the clock often.
_CONSUME_COUNT = 5_000
_CONSUME_TIMEOUT_S = 0.1
_HISTORY_GONE = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)


def run_projector(settings: ProjectionSettings, stop: threading.Event, *, codec: Codec | None = None) -> None:
    """Project every topic until stop is set; answers SQL, lag and health on loopback meanwhile.

    Ensures: kill -9 at any moment changes no row, once it has run again (tests/integration/test_projector.py).
    Raises:  StoreBusy when another projector holds the embedded store; MigrationBroken and HistoryGone when tables or
             topics are not what the store remembers; KafkaException when the broker refuses us.
    """
    store = open_store(settings.clickhouse_dsn)
    try:
        migrate(store, day_zone=settings.day_zone)
        reader = open_read_only(settings.clickhouse_dsn, beside_writer=True)
        try:
            admin = admin_client(settings)
            status = ProjectorStatus(admin)
            with serve_endpoint(settings, reader, status):
                Projector(settings, store, admin, status, codec or Codec()).run(stop)
        finally:
            reader.close()
    finally:
        store.close()


class Projector:
    """One reader of all topics and one writer of all tables."""

    def __init__(
        self,
        settings: ProjectionSettings,
        store: Store,
        admin: AdminClient,
        status: ProjectorStatus,
        codec: Codec,
    ) -> None:
        self._settings = settings
        self._store = store
        self._admin = admin
        self._status = status
        self._progress = load_progress(store)
        self._batch = Batch(self._progress, codec)
        status.follow(self._progress, self._batch.tally)

    def run(self, stop: threading.Event) -> None:
        """Read and write until stop is set; what was read is written before it returns."""
        partitions = self._wait_for_topics(stop)
        if not stop.is_set():
            self._read(partitions, stop.is_set, ends=None)

    def catch_up(self, ends: Mapping[Partition, int]) -> None:
        """Read and write up to these offsets, and not a record further."""

        def reached() -> bool:
            return all(self._progress[partition].next_offset >= end for partition, end in ends.items())

        self._read(tuple(ends), reached, ends=ends)

    def _read(
        self, partitions: tuple[Partition, ...], done: Callable[[], bool], *, ends: Mapping[Partition, int] | None
    ) -> None:
        consumer = Consumer(_consumer_options(self._settings))
        try:
            consumer.assign(self._assignment(partitions))
            self._status.began(partitions)
            oldest_s = time.monotonic()
            while not done():
                messages = [_incoming(message) for message in consumer.consume(_CONSUME_COUNT, _CONSUME_TIMEOUT_S)]
                if self._batch.message_count == 0:
                    oldest_s = time.monotonic()
                for message in messages:
                    if ends is None or message.offset < ends[message.topic, message.partition]:
                        self._batch.add(message)
                full = self._batch.message_count >= self._settings.batch_rows
                due = time.monotonic() - oldest_s >= self._settings.linger_s
                if full or due or not messages:
                    self._flush()
            self._flush()
        finally:
            consumer.close()

    def _flush(self) -> None:
        if self._batch.message_count > 0:
            self._status.stored(flush(self._store, self._batch))

    def _wait_for_topics(self, stop: threading.Event) -> tuple[Partition, ...]:
        """Partitions of every projected topic, once all topics exist (`saldo topics apply` makes them)."""
        announced = False
        while not stop.is_set():
            partitions, missing = find_partitions(self._admin)
            if not missing:
                return partitions
            if not announced:
                logger.info("waiting for topics", extra={"missing": missing})
                announced = True
            stop.wait(self._settings.topic_wait_s)
        return ()

    def _assignment(self, partitions: tuple[Partition, ...]) -> list[TopicPartition]:
        """Each partition at its stored position, after proving that the topic still holds what comes next."""
        first = lag.earliest_offsets(self._admin, partitions)
        last = lag.latest_offsets(self._admin, partitions)
        assignment = []
        for partition in partitions:
            topic, number = partition
            next_offset = self._progress.setdefault(partition, Progress()).next_offset
            if not first[partition] <= next_offset <= last[partition]:
                raise HistoryGone(
                    f"{topic}/{number} holds offsets {first[partition]} to {last[partition]}, the store is at "
                    f"{next_offset}: the topic was cut or made anew; rebuild the projection from topics that are whole"
                )
            assignment.append(TopicPartition(topic, number, next_offset))
        return assignment


def admin_client(settings: ProjectionSettings) -> AdminClient:
    """A client for questions about topics and their ends."""
    return AdminClient(_client_options(settings))


def find_partitions(admin: AdminClient) -> tuple[tuple[Partition, ...], tuple[str, ...]]:
    """Partitions of every projected topic as the broker has them, and the topics that it does not have yet."""
    known = admin.list_topics(timeout=30).topics
    wanted = projected_topics()
    missing = tuple(name for name in wanted if name not in known or known[name].error is not None)
    found = tuple((name, number) for name in wanted if name not in missing for number in sorted(known[name].partitions))
    return found, missing


def _incoming(message: Message) -> Incoming:
    error = message.error()
    if error is not None:
        if error.code() in _HISTORY_GONE:
            raise HistoryGone(f"{message.topic()}/{message.partition()} no longer holds what comes next: {error.str()}")
        raise KafkaException(error)
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    # True of every message without an error.
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return Incoming(
        topic=topic,
        partition=partition,
        offset=offset,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=[(name, _bytes(value) or b"") for name, value in _header_pairs(message)],
        timestamp_ms=message.timestamp()[1],
    )


def _header_pairs(message: Message) -> list[tuple[str, str | bytes | None]]:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _client_options(settings: ProjectionSettings) -> dict[str, str | int | float | bool]:
    return {**settings.kafka_options, "bootstrap.servers": settings.bootstrap_servers}


def _consumer_options(settings: ProjectionSettings) -> dict[str, str | int | float | bool]:
    return {
        **_client_options(settings),
        # The client wants a name; with assign() and no commits there is no group behind it.
        "group.id": "saldo-projector",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # A position that the topic no longer holds must stop us, never move us.
        "auto.offset.reset": "error",
    }
