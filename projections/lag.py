"""How far the projector is behind Kafka, topic by topic: for `saldo up`, which waits for zero, and for the console."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs do not re-export OffsetSpec
    AdminClient,
    OffsetSpec,
)

from projections.batch import Tally
from projections.positions import Partition, Progress

_REQUEST_TIMEOUT_S = 10.0
# A topic that was made a moment ago, or whose leader has just moved, is answered for by nobody for a second or two.
_LEADER_TIMEOUT_S = 15.0
_NO_LEADER_YET = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError._NOENT,  # the client found no leader at all: the broker was away when it asked
)


@dataclass(frozen=True, slots=True)
class Lag:
    """Records that Kafka holds and the store does not, by topic. Units: record counts."""

    by_topic: Mapping[str, int]

    @property
    def total(self) -> int:
        """Records behind, over all topics; 0 is caught up."""
        return sum(self.by_topic.values())


def earliest_offsets(admin: AdminClient, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """First offset that each partition still holds."""
    return _offsets(admin, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # no stub


def latest_offsets(admin: AdminClient, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Offset that the next record of each partition will get."""
    return _offsets(admin, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # no stub


def _offsets(admin: AdminClient, partitions: Iterable[Partition], which: OffsetSpec) -> dict[Partition, int]:
    wanted = tuple(partitions)
    deadline = time.monotonic() + _LEADER_TIMEOUT_S
    while True:
        try:
            return _offsets_now(admin, wanted, which)
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                raise
            # A client keeps the leaders and their epochs that it learned once, and asks with them for ever: after a
            # broker was killed it would hear FENCED_LEADER_EPOCH from then on. Listing makes it learn them anew.
            admin.list_topics(timeout=_REQUEST_TIMEOUT_S)
            time.sleep(0.1)


def _offsets_now(admin: AdminClient, partitions: Iterable[Partition], which: OffsetSpec) -> dict[Partition, int]:
    """One question, one answer; raises KafkaException also where a leader has just moved."""
    asked = {TopicPartition(topic, number): which for topic, number in partitions}
    if not asked:
        return {}
    answers = admin.list_offsets(asked, request_timeout=_REQUEST_TIMEOUT_S)
    return {(at.topic, at.partition): answer.result(_REQUEST_TIMEOUT_S).offset for at, answer in answers.items()}


def broker_words(error: KafkaException) -> str:
    """The broker library's own sentence, without its wrapping."""
    cause = error.args[0] if error.args else error
    return cause.str() if isinstance(cause, KafkaError) else str(cause)


class ProjectorStatus:
    """What the projector has stored so far; written by its loop, read by the endpoint's threads."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._lock = threading.Lock()
        self._stored: dict[Partition, int] = {}
        self._partitions: tuple[Partition, ...] = ()
        self._tally = Tally()

    def follow(self, progress: Mapping[Partition, Progress], tally: Tally) -> None:
        """Take up what the store holds at start."""
        self.stored(progress)
        self._tally = tally

    def began(self, partitions: tuple[Partition, ...]) -> None:
        """All topics exist and are being read from now on."""
        with self._lock:
            self._partitions = partitions

    def stored(self, progress: Mapping[Partition, Progress]) -> None:
        """These partitions are stored up to here."""
        with self._lock:
            self._stored.update({partition: known.next_offset for partition, known in progress.items()})

    @property
    def is_reading(self) -> bool:
        """Whether all topics exist and are assigned."""
        with self._lock:
            return bool(self._partitions)

    def tally(self) -> Mapping[str, int]:
        """Counts since start: messages read, rows made, repeats dropped, records unreadable."""
        return asdict(self._tally)

    def lag(self) -> Lag:
        """Ask the broker for its ends and compare; raises KafkaException when it does not answer."""
        with self._lock:
            partitions, stored = self._partitions, dict(self._stored)
        behind: dict[str, int] = {}
        for partition, end in latest_offsets(self._admin, partitions).items():
            behind[partition[0]] = behind.get(partition[0], 0) + max(0, end - stored.get(partition, 0))
        return Lag(dict(sorted(behind.items())))
