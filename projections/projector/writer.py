"""The projector: reads every topic from where the store says it is, and writes rows until it is asked to stop.

For everyone who asks a report: what they see is what Kafka holds, each record once, and nothing is lost by killing
this process at any moment. It joins no consumer group and commits nothing to Kafka: its positions live in the store,
beside the rows (design.md section 3, rule 10), so throwing the store away is all that a rebuild takes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing

from projections.batches.batch import Batch
from projections.batches.flush import flush
from projections.batches.lag import ProjectorStatus
from projections.batches.positions import Progress, load_progress
from projections.clickhouse_http.app import serve_clickhouse
from projections.messages.topics import projected_topics
from projections.reports.own import make_views
from projections.serving.endpoint import serve_endpoint
from projections.serving.settings import ProjectionSettings
from projections.store.client import Store, open_read_only, open_store
from projections.store.errors import HistoryGone
from projections.store.migrate import migrate
from schemas.wire.codec import Codec
from streams.log.kafka import KafkaLog
from streams.log.ports import Log, Partition, RecordsGone

logger = logging.getLogger(__name__)

# Messages per call: large enough that the call costs nothing, small enough to look at `stop` and the clock often.
_TAKE = 5_000
_TAKE_TIMEOUT_S = 0.1


def run_projector(settings: ProjectionSettings, stop: threading.Event, *, codec: Codec | None = None) -> None:
    """Project every topic until stop is set; answers SQL, lag and health on loopback meanwhile.

    Ensures: kill -9 at any moment changes no row, once it has run again (tests/integration/test_projector.py).
    Raises:  StoreBusy when another projector holds the embedded store; MigrationBroken and HistoryGone when tables or
             topics are not what the store remembers; ContractBroken when the broker refuses us.
    """
    store = open_store(settings.clickhouse_dsn)
    try:
        migrate(store, day_zone=settings.day_zone)
        make_views(store, settings.reports_dir)
        reader = open_read_only(settings.clickhouse_dsn, beside_writer=True)
        try:
            with closing(open_log(settings)) as log:
                status = ProjectorStatus(log)
                with (
                    serve_clickhouse(settings) as opened,
                    serve_endpoint(settings, reader, status, {"clickhouse": opened.url or opened.problem}),
                ):
                    Projector(settings, store, log, status, codec or Codec()).run(stop)
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
        log: Log,
        status: ProjectorStatus,
        codec: Codec,
    ) -> None:
        self._settings = settings
        self._store = store
        self._log = log
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
        with closing(self._log.feed(self._positions(partitions))) as feed:
            self._status.began(partitions)
            oldest_s = time.monotonic()
            while not done():
                try:
                    messages = feed.take(_TAKE, _TAKE_TIMEOUT_S)
                except RecordsGone as error:
                    raise HistoryGone(f"{error}, or rebuild the projection from topics that are whole") from error
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

    def _flush(self) -> None:
        if self._batch.message_count > 0:
            self._status.stored(flush(self._store, self._batch))

    def _wait_for_topics(self, stop: threading.Event) -> tuple[Partition, ...]:
        """Partitions of every projected topic, once all topics exist (`saldo topics apply` makes them)."""
        announced = False
        while not stop.is_set():
            partitions, missing = find_partitions(self._log)
            if not missing:
                return partitions
            if not announced:
                logger.info("waiting for topics", extra={"missing": missing})
                announced = True
            stop.wait(self._settings.topic_wait_s)
        return ()

    def _positions(self, partitions: tuple[Partition, ...]) -> Mapping[Partition, int]:
        """Return each partition at its stored position, after proving that the topic still holds what comes next."""
        first, last = self._log.starts(partitions), self._log.ends(partitions)
        positions = {}
        for partition in partitions:
            topic, number = partition
            next_offset = self._progress.setdefault(partition, Progress()).next_offset
            if not first[partition] <= next_offset <= last[partition]:
                raise HistoryGone(
                    f"{topic}/{number} holds offsets {first[partition]} to {last[partition]}, the store is at "
                    f"{next_offset}: the topic was cut or made anew; rebuild the projection from topics that are whole"
                )
            positions[partition] = next_offset
        return positions


def open_log(settings: ProjectionSettings) -> KafkaLog:
    """Return the log that these settings name; whoever opens it closes it."""
    return KafkaLog({**settings.kafka_options, "bootstrap.servers": settings.bootstrap_servers})


def find_partitions(log: Log) -> tuple[tuple[Partition, ...], tuple[str, ...]]:
    """Partitions of every projected topic as the broker has them, and the topics that it does not have yet."""
    known, wanted = log.topics(), projected_topics()
    missing = tuple(name for name in wanted if name not in known)
    return tuple((name, number) for name in wanted for number in range(known.get(name, 0))), missing
