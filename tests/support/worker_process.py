"""Workers in processes of their own on a broker that holds our topics: to be paused, killed and asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from app.topics import provisioning
from schemas import catalog
from schemas.wire.codec import Codec
from schemas.wire.envelope import SourcePosition, source_position
from schemas.wire.highwater import HighWater
from streams.log import acls
from streams.log.cluster import Cluster
from streams.log.kafka import KafkaLog
from streams.log.outbound import Outbound
from streams.log.records import Inbound, partition_for
from tests.support.kafka import client_options, kafka_env

ROOT = Path(__file__).parents[2]
SESSION_S = 6.0
_CODEC = Codec()


def make_our_topics(bootstrap: str) -> None:
    """Create every topic of the catalogue, with the permissions that follow from it."""
    cluster = Cluster(client_options(bootstrap))
    provisioning.apply(cluster, provisioning.compare(cluster, catalog.topics().values()))
    acls.apply(cluster, acls.compare(cluster, catalog.topics().values(), group="saldo"))


@dataclass
class Workers:
    """Worker processes of one group; ended by `stop`, whatever became of them."""

    bootstrap: str
    data_dir: Path
    env: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _admin: AdminClient | None = None

    def environment(self) -> dict[str, str]:
        """What a command of this installation needs to see."""
        return {
            **os.environ,
            "SALDO_DATA_DIR": str(self.data_dir),
            **kafka_env(self.bootstrap),
            "SALDO_KAFKA_SESSION_TIMEOUT_S": str(SESSION_S),
            **self.env,
        }

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start one worker; its output goes to <data_dir>/<name>.log."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / f"{name}.log").open("ab") as output:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "run", "worker"],
                env={**self.environment(), "SALDO_WORKER_NAME": name},
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.running[name]

    def stop(self) -> None:
        """End every worker."""
        for process in self.running.values():
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.terminate()
        for process in self.running.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def partitions_of(self, name: str, topic: str) -> frozenset[int]:
        """The partitions of a topic that the coordinator gave to this worker."""
        if self._admin is None:
            self._admin = AdminClient(client_options(self.bootstrap))
        try:
            group = self._admin.describe_consumer_groups(["saldo"], request_timeout=10)["saldo"].result()
        except KafkaException:
            # Before the first member came, a new broker has no coordinator to ask.
            return frozenset()
        pid = f"-{self.running[name].pid}-"
        return frozenset(
            found.partition
            for member in group.members
            if pid in member.client_id and member.assignment is not None
            for found in member.assignment.topic_partitions
            if found.topic == topic
        )


def wait_until(done: Callable[[], bool], what: str, timeout_s: float = 180.0) -> None:
    """Ask until it is so; AssertionError when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.1)


def produce(bootstrap: str, records: Iterable[Outbound]) -> list[int]:
    """Write as a foreign producer would, and return the offsets once the broker has all."""
    producer = Producer(
        {
            **client_options(bootstrap),
            "queue.buffering.max.messages": 1_000_000,
            "linger.ms": 20,
            # What a Java producer sends by default, a little more than librdkafka's own limit.
            "message.max.bytes": 1 << 20,
        }
    )
    offsets: list[int] = []
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            errors.append(error)
        else:
            offsets.append(message.offset() or 0)

    for record in records:
        producer.produce(
            record.topic,
            record.value,
            record.key or None,
            partition=record.partition,
            headers=list(record.headers),
            on_delivery=delivered,
        )
        producer.poll(0)
    assert producer.flush(60) == 0
    assert errors == []
    return offsets


def outbound(topic: str, record: Any, partitions: int = 4) -> Outbound:
    """A record as any producer with the default partitioner writes it."""
    key = catalog.topic(topic).key_of(record)
    return Outbound(
        topic=topic, partition=partition_for(key, partitions), key=key, value=_CODEC.encode(record), headers=()
    )


async def read_all(log: KafkaLog, topic: str) -> list[Inbound]:
    """Every record of a topic, partition by partition."""
    found: list[Inbound] = []
    for partition in range(log.partition_count(topic)):
        start, end = await log.watermarks(topic, partition)
        async for batch in log.read(topic, partition, start, end):
            found += batch
    return found


def split_repeats(records: Sequence[Inbound]) -> tuple[list[Inbound], list[Inbound]]:
    """What a reader with the high-water rule accepts, and what it drops; records partition by partition."""
    marks: dict[int, HighWater] = {}
    accepted: list[Inbound] = []
    repeats: list[Inbound] = []
    for record in records:
        is_new = marks.setdefault(record.partition, HighWater()).accept(source_position(record.headers))
        (accepted if is_new else repeats).append(record)
    return accepted, repeats


def causes(records: Iterable[Inbound]) -> set[tuple[str, int, int]]:
    """The inbox records that caused these."""
    found = (source_position(record.headers) for record in records)
    return {(source.topic, source.partition, source.offset) for source in found if isinstance(source, SourcePosition)}
