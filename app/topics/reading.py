"""Reads a stretch of a topic for people and tools: decoded, in the order of time, without repeats, whatever it holds.

It joins no consumer group and commits nothing, so it may run beside anything. Partitions are merged by timestamp, each
in its own order. What can't be decoded is handed out with the reason.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from schemas.failures import ContractBroken, Unavailable, Unreadable
from schemas.wire.codec import Codec
from schemas.wire.envelope import SourcePosition, source_position
from schemas.wire.highwater import HighWater
from streams.log.brokers import REMEDY
from streams.log.ports import Feed, Log, Partition
from streams.log.records import Inbound

# Silence for this long, while records are known to lie ahead, means that the brokers are away.
_STALLED_S = 30.0
_TAKE = 500
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


def read(log: Log, codec: Codec, stretch: Stretch) -> Generator[ReadRecord, None, None]:
    """Yield every record of a stretch, repeats included and marked.

    Ensures: it ends at the end that each partition had when reading began, unless it follows. A repeat is recognised
             when its original lies in the stretch. Closing the iterator gives the connection back.
    Raises:  ContractBroken when the cluster has no such topic or partition; Unavailable when no broker answers.
    """
    marks: dict[int, HighWater] = defaultdict(HighWater)
    for found in _found(log, stretch):
        yield _decoded(found, codec, marks[found.partition])


def tails(log: Log, topic: str, count: int) -> list[Stretch]:
    """Return the last so many records of each partition, as one stretch each.

    Raises: ContractBroken when the cluster has no such topic; Unavailable when no broker answers.
    """
    ranges = _ranges(log, Stretch(topic))
    return [
        Stretch(topic, max(start, (stop or start) - count), partition=number)
        for (_, number), (start, stop) in sorted(ranges.items())
    ]


def _found(log: Log, stretch: Stretch) -> Iterator[Inbound]:
    ranges = _ranges(log, stretch)
    unfinished = {at for at, (start, stop) in ranges.items() if stop is None or start < stop}
    if not unfinished:
        return
    with closing(log.feed({at: ranges[at][0] for at in unfinished})) as feed:
        yield from _followed(feed, ranges, unfinished, stretch)


def _followed(
    feed: Feed, ranges: Mapping[Partition, tuple[int, int | None]], unfinished: set[Partition], stretch: Stretch
) -> Iterator[Inbound]:
    waiting: dict[Partition, deque[Inbound]] = {at: deque() for at in unfinished}
    held: set[Partition] = set()
    silent_s = 0.0
    while unfinished or stretch.follow:
        asked_at = time.monotonic()
        taken = feed.take(_TAKE, _POLL_S)
        silent_s = 0.0 if taken else silent_s + time.monotonic() - asked_at
        for found in taken:
            at, stop = (found.topic, found.partition), ranges[found.topic, found.partition][1]
            if stop is None or found.offset < stop:
                waiting[at].append(found)
            # A compacted or transactional partition has holes, so the last offset may never be seen itself.
            if stop is not None and found.offset >= stop - 1:
                unfinished.discard(at)
        unfinished -= feed.at_end
        yield from _merge(waiting, unfinished)
        _hold_back(feed, waiting, held)
        if not stretch.follow and unfinished - held and silent_s > _STALLED_S:
            raise Unavailable(f"no record of {stretch.topic} came for {_STALLED_S:.0f} s; {REMEDY}")
    yield from _merge(waiting, unfinished)


def _merge(waiting: dict[Partition, deque[Inbound]], unfinished: set[Partition]) -> Iterator[Inbound]:
    """Yield the oldest of what waits, as long as no unfinished partition could still bring an older one."""
    while all(waiting[at] for at in unfinished):
        heads = [(queue[0].timestamp_ms, at) for at, queue in waiting.items() if queue]
        if not heads:
            return
        yield waiting[min(heads)[1]].popleft()


def _hold_back(feed: Feed, waiting: dict[Partition, deque[Inbound]], held: set[Partition]) -> None:
    for at, queue in waiting.items():
        if len(queue) > _AHEAD and at not in held:
            feed.hold(at)
            held.add(at)
        elif len(queue) < _AHEAD // 2 and at in held:
            feed.let_go(at)
            held.discard(at)


def _ranges(log: Log, stretch: Stretch) -> dict[Partition, tuple[int, int | None]]:
    """Offsets per partition: first to read, and first not to read (None when it goes on for ever)."""
    partitions = [(stretch.topic, number) for number in range(log.partition_count(stretch.topic))]
    if stretch.partition is not None:
        if (stretch.topic, stretch.partition) not in partitions:
            known = [number for _, number in partitions]
            raise ContractBroken(f"{stretch.topic} has no partition {stretch.partition}; it has {known}")
        partitions = [(stretch.topic, stretch.partition)]
    lows, highs = log.starts(partitions), log.ends(partitions)
    edges = {at: (lows[at], highs[at]) for at in partitions}
    starts = _offsets(log, stretch.start, edges)
    stops = _offsets(log, stretch.stop, edges)
    return {at: (starts[at], None if stretch.follow else stops[at]) for at in partitions}


def _offsets(log: Log, bound: Bound, edges: Mapping[Partition, tuple[int, int]]) -> Mapping[Partition, int]:
    """Return a bound as an offset of each partition, never outside its edges."""
    match bound:
        case Edge.BEGINNING:
            wanted = {at: low for at, (low, _) in edges.items()}
        case Edge.END:
            wanted = {at: high for at, (_, high) in edges.items()}
        case datetime():
            found = log.offsets_at(edges, bound)
            wanted = {at: edges[at][1] if offset is None else offset for at, offset in found.items()}
        case int():
            wanted = dict.fromkeys(edges, bound)
    return {at: min(max(offset, edges[at][0]), edges[at][1]) for at, offset in wanted.items()}


def _decoded(found: Inbound, codec: Codec, marks: HighWater) -> ReadRecord:
    record, reason, position = None, None, None
    try:
        position = source_position(found.headers)
        record = codec.decode_as_written(found.value)
    except (Unreadable, ValueError) as error:
        reason = str(error)
    return ReadRecord(found, position, record, reason, is_repeat=not marks.accept(position))
