"""Reads a stretch of a topic for people and tools: decoded, in the order of time, without repeats, whatever it holds.

It joins no consumer group and commits nothing, so it may run beside anything. Partitions are merged by timestamp, each
in its own order. What can't be decoded is handed out with the reason.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict, deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.codec import Codec
from schemas.envelope import SourcePosition, source_position
from schemas.failures import ContractBroken, Unavailable, Unreadable
from schemas.highwater import HighWater
from streams.log.brokers import no_broker, once_led
from streams.log.kafka import inbound
from streams.log.records import Inbound

_ANSWER_S = 10.0
# Silence for this long, while records are known to lie ahead, means that the brokers are away.
_STALLED_S = 30.0
_CONSUME = 500
_POLL_S = 0.1
# A partition that runs ahead of the others by this many records waits for them, so that a merge needs little memory.
_AHEAD = 2_000


class Edge(Enum):
    """The ends of a partition as they are when reading begins."""

    BEGINNING = "beginning"
    END = "end"


Bound = int | datetime | Edge


@dataclass(frozen=True, slots=True)
class Stretch:
    """What of a topic to read.

    start / stop  an offset, an instant (of the record's timestamp) or an edge; start is included, stop is not
    partition     one partition; None reads all
    follow        goes on with what is written meanwhile, for ever; stop must be the end then
    """

    topic: str
    start: Bound = Edge.BEGINNING
    stop: Bound = Edge.END
    partition: int | None = None
    follow: bool = False


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """One record where it was found; either `record` or `reason` (why it can't be decoded) is set.

    is_repeat  a record that lies below the high-water mark of its lane: everyone else drops it
    """

    found: Inbound
    position: SourcePosition | None
    record: Any
    reason: str | None
    is_repeat: bool


def read(connection: Mapping[str, Any], codec: Codec, stretch: Stretch) -> Generator[ReadRecord, None, None]:
    """Every record of a stretch, repeats included and marked.

    Ensures: it ends at the end that each partition had when reading began, unless it follows. A repeat is recognised
             when its original lies in the stretch. Closing the iterator gives the connection back.
    Raises:  ContractBroken when the cluster has no such topic or partition; Unavailable when no broker answers.
    """
    consumer = Consumer(
        {
            **connection,
            "group.id": f"saldo-read-{os.getpid()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
    )
    try:
        marks: dict[int, HighWater] = defaultdict(HighWater)
        for found in _found(consumer, stretch, str(connection["bootstrap.servers"])):
            yield _decoded(found, codec, marks[found.partition])
    finally:
        consumer.close()


def _found(consumer: Consumer, stretch: Stretch, address: str) -> Iterator[Inbound]:
    ranges = _ranges(consumer, stretch, address)
    unfinished = {partition for partition, (start, stop) in ranges.items() if stop is None or start < stop}
    if not unfinished:
        return
    consumer.assign([TopicPartition(stretch.topic, partition, ranges[partition][0]) for partition in unfinished])
    waiting: dict[int, deque[Inbound]] = {partition: deque() for partition in unfinished}
    paused: set[int] = set()
    silent_s = 0.0
    while unfinished or stretch.follow:
        asked_at = time.monotonic()
        messages = consumer.consume(_CONSUME, timeout=_POLL_S)
        silent_s = 0.0 if messages else silent_s + time.monotonic() - asked_at
        for message in messages:
            _take(message, ranges, unfinished, waiting)
        yield from _merge(waiting, unfinished)
        _hold_back(consumer, stretch.topic, waiting, paused)
        if not stretch.follow and unfinished - paused and silent_s > _STALLED_S:
            raise Unavailable(f"no record of {stretch.topic} came for {_STALLED_S:.0f} s: {no_broker(address)}")
    yield from _merge(waiting, unfinished)


def _take(
    message: Message,
    ranges: Mapping[int, tuple[int, int | None]],
    unfinished: set[int],
    waiting: dict[int, deque[Inbound]],
) -> None:
    """Queue one message, or learn from an event that its partition has no more."""
    error = message.error()
    if error is not None:
        if error.code() == KafkaError._PARTITION_EOF:
            unfinished.discard(message.partition() or 0)
        elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
            raise KafkaException(error)
        return
    found = inbound(message)
    stop = ranges[found.partition][1]
    if stop is None or found.offset < stop:
        waiting[found.partition].append(found)
    # A compacted or transactional partition has holes, so the last offset may never be seen itself.
    if stop is not None and found.offset >= stop - 1:
        unfinished.discard(found.partition)


def _merge(waiting: dict[int, deque[Inbound]], unfinished: set[int]) -> Iterator[Inbound]:
    """The oldest of what waits, as long as no unfinished partition could still bring an older one."""
    while all(waiting[partition] for partition in unfinished):
        heads = [(queue[0].timestamp_ms, partition) for partition, queue in waiting.items() if queue]
        if not heads:
            return
        yield waiting[min(heads)[1]].popleft()


def _hold_back(consumer: Consumer, topic: str, waiting: dict[int, deque[Inbound]], paused: set[int]) -> None:
    for partition, queue in waiting.items():
        if len(queue) > _AHEAD and partition not in paused:
            consumer.pause([TopicPartition(topic, partition)])
            paused.add(partition)
        elif len(queue) < _AHEAD // 2 and partition in paused:
            consumer.resume([TopicPartition(topic, partition)])
            paused.discard(partition)


def _ranges(consumer: Consumer, stretch: Stretch, address: str) -> dict[int, tuple[int, int | None]]:
    """Offsets per partition: first to read, and first not to read (None when it goes on for ever)."""
    try:
        return once_led(lambda: _ranges_now(consumer, stretch), within_s=_ANSWER_S)
    except KafkaException as error:
        raise Unavailable(no_broker(address, error)) from error


def _ranges_now(consumer: Consumer, stretch: Stretch) -> dict[int, tuple[int, int | None]]:
    metadata = consumer.list_topics(stretch.topic, timeout=_ANSWER_S).topics[stretch.topic]
    if metadata.error is not None:
        raise ContractBroken(f"the cluster has no topic {stretch.topic}; see `saldo topics diff`")
    partitions = sorted(metadata.partitions)
    if stretch.partition is not None:
        if stretch.partition not in partitions:
            raise ContractBroken(f"{stretch.topic} has no partition {stretch.partition}; it has {partitions}")
        partitions = [stretch.partition]
    edges = {
        partition: consumer.get_watermark_offsets(TopicPartition(stretch.topic, partition), timeout=_ANSWER_S)
        for partition in partitions
    }
    starts = _offsets(consumer, stretch.topic, stretch.start, edges)
    stops = _offsets(consumer, stretch.topic, stretch.stop, edges)
    return {partition: (starts[partition], None if stretch.follow else stops[partition]) for partition in partitions}


def _offsets(consumer: Consumer, topic: str, bound: Bound, edges: Mapping[int, tuple[int, int]]) -> Mapping[int, int]:
    """A bound as an offset of each partition, never outside its edges."""
    match bound:
        case Edge.BEGINNING:
            wanted = {partition: low for partition, (low, _) in edges.items()}
        case Edge.END:
            wanted = {partition: high for partition, (_, high) in edges.items()}
        case datetime():
            moment_ms = int(bound.timestamp() * 1000)
            asked = [TopicPartition(topic, partition, moment_ms) for partition in edges]
            found = consumer.offsets_for_times(asked, timeout=_ANSWER_S)
            wanted = {
                found_at.partition: edges[found_at.partition][1] if found_at.offset == OFFSET_END else found_at.offset
                for found_at in found
            }
        case int():
            wanted = dict.fromkeys(edges, bound)
    return {
        partition: min(max(offset, edges[partition][0]), edges[partition][1]) for partition, offset in wanted.items()
    }


def _decoded(found: Inbound, codec: Codec, marks: HighWater) -> ReadRecord:
    record, reason, position = None, None, None
    try:
        position = source_position(found.headers)
        record = codec.decode_as_told(found.value)
    except (Unreadable, ValueError) as error:
        reason = str(error)
    return ReadRecord(found, position, record, reason, is_repeat=not marks.accept(position))
