"""The log in memory: the twin of the broker for unit tests, and the place into which a replay writes its shadow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime

from streams.log.outbound import Outbound, Signer
from streams.log.ports import Feed, Log, Partition, RecordsGone, no_topic
from streams.log.records import Inbound

READ_BATCH = 1_000


class MemoryLog:
    """Keeps what is appended in lists, one per partition."""

    signer: Signer | None = None

    def __init__(self, partitions: Mapping[str, int], *, signer: Signer | None = None) -> None:
        """Name the topics that exist, with their number of partitions; `signer` signs what is built for it."""
        self.signer = signer
        self._partitions = dict(partitions)
        self._records: dict[tuple[str, int], list[Inbound]] = {}

    def records(self, topic: str, partition: int) -> list[Inbound]:
        """Return everything on one partition, oldest first."""
        return self._records.setdefault((topic, partition), [])

    def topics(self) -> Mapping[str, int]:
        """Return topics by name, with their number of partitions."""
        return dict(self._partitions)

    def partition_count(self, topic: str) -> int:
        """Return number of partitions of a topic; raises ContractBroken when there is none of that name."""
        count = self._partitions.get(topic)
        if count is None:
            raise no_topic(topic)
        return count

    def starts(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Return zero: nothing is ever thrown away."""
        return dict.fromkeys(partitions, 0)

    def ends(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Offset that the next record of each partition will get."""
        return {partition: len(self.records(*partition)) for partition in partitions}

    def offsets_at(self, partitions: Iterable[Partition], instant: datetime) -> Mapping[Partition, int | None]:
        """Offset of the first record that is not older than an instant."""
        moment_ms = int(instant.timestamp() * 1000)
        return {
            partition: next(
                (record.offset for record in self.records(*partition) if record.timestamp_ms >= moment_ms), None
            )
            for partition in partitions
        }

    def feed(self, starts: Mapping[Partition, int]) -> Feed:
        """Read on from these offsets."""
        return MemoryFeed(self, starts)

    async def topic_id(self, topic: str) -> str:
        """Return the name: a topic in memory is never deleted."""
        return topic

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """First and next offset."""
        return 0, len(self.records(topic, partition))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Inbound]]:
        """Yield the records of start <= offset < end."""
        for first in range(start, end, READ_BATCH):
            yield self.records(topic, partition)[first : min(end, first + READ_BATCH)]

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        """Append at once; never fails."""
        return [self._append(record) for record in records]

    def _append(self, record: Outbound) -> int:
        kept = self.records(record.topic, record.partition)
        offset = len(kept)
        kept.append(
            Inbound(
                topic=record.topic,
                partition=record.partition,
                offset=offset,
                key=record.key,
                value=record.value,
                headers=tuple(record.headers),
                timestamp_ms=offset,
            )
        )
        return offset


class MemoryFeed:
    """Hands out what is there, and what is appended meanwhile."""

    def __init__(self, log: MemoryLog, starts: Mapping[Partition, int]) -> None:
        """Begin at these offsets."""
        self._log = log
        self._next = dict(starts)
        self._held: set[Partition] = set()

    @property
    def at_end(self) -> frozenset[Partition]:
        """Partitions of which everything was handed out."""
        return frozenset(at for at, offset in self._next.items() if offset >= len(self._log.records(*at)))

    def take(self, most: int, timeout_s: float) -> Sequence[Inbound]:
        """Take up to so many records; none at once where a broker would be waited for.

        Raises: RecordsGone at an offset that the partition never held.
        """
        taken: list[Inbound] = []
        for partition, offset in self._next.items():
            kept = self._log.records(*partition)
            if offset > len(kept):
                raise RecordsGone(*partition, offset, f"it ends at {len(kept)}")
            if partition not in self._held:
                taken += kept[offset : offset + most - len(taken)]
        for record in taken:
            self._next[record.topic, record.partition] = record.offset + 1
        return taken

    def hold(self, partition: Partition) -> None:
        """Hand out nothing more of a partition."""
        self._held.add(partition)

    def let_go(self, partition: Partition) -> None:
        """Hand out its records again."""
        self._held.discard(partition)

    def close(self) -> None:
        """Close nothing: nothing is open."""


class ShadowLog(MemoryLog):
    """Reads inboxes from a real log and keeps what is appended to itself: a replay that touches nothing."""

    def __init__(self, real: Log, partitions: Mapping[str, int], *, inbox: str, end: int) -> None:
        """Name the topic whose records come from the real log, and the offset at which it shall end."""
        super().__init__(partitions, signer=real.signer)
        self._real = real
        self._inbox = inbox
        self._end = end

    def written_topics(self) -> set[str]:
        """Return topics to which something was appended."""
        return {topic for (topic, _), records in self._records.items() if records}

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """Ask the real log for the inbox, cut at its end; else of the shadow."""
        if topic == self._inbox:
            start, end = await self._real.watermarks(topic, partition)
            return start, min(end, self._end)
        return await super().watermarks(topic, partition)

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Inbound]]:
        """Read from the real log for the inbox, else from the shadow."""
        read = self._real.read if topic == self._inbox else super().read
        async for batch in read(topic, partition, start, end):
            yield batch
