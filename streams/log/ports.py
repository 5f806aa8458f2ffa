"""What writers, readers and tasks need of Kafka; streams.log.kafka and streams.log.memory both give it.

One abstract suite holds the two to it: tests/support/log_suite.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.failures import ContractBroken
from streams.log.outbound import Outbound, Signer
from streams.log.records import Inbound

Partition = tuple[str, int]


class DeliveryFailed(Exception):
    """The broker did not acknowledge: the process must stop, and start again from the journal."""


def no_topic(topic: str) -> ContractBroken:
    """Return what to raise where the cluster answers that it has no such topic."""
    return ContractBroken(
        f"the cluster has no topic {topic}; `saldo topics diff` shows what is missing, `saldo topics apply` creates it"
    )


class RecordsGone(ContractBroken):
    """A partition no longer holds what would have to be read next: it was cut or made anew."""

    def __init__(self, topic: str, partition: int, offset: int, words: str) -> None:
        super().__init__(f"{topic}/{partition} no longer holds offset {offset} ({words}); restore it from backup")


class Feed(Protocol):
    """Records of several partitions as they come, for one thread that reads on; see Log.feed."""

    @property
    def at_end(self) -> frozenset[Partition]:
        """Partitions of which everything was handed out, the last time that this could be seen."""
        ...

    def take(self, most: int, timeout_s: float) -> Sequence[Inbound]:
        """Take up to so many records, each partition's in order; fewer, or none, when the time is over.

        Raises: RecordsGone when a partition no longer holds what comes next; ContractBroken when the broker refuses us.
                A broker that is away is waited for.
        """
        ...

    def hold(self, partition: Partition) -> None:
        """Hand out nothing more of a partition until `let_go`; what was taken already stays taken."""
        ...

    def let_go(self, partition: Partition) -> None:
        """Hand out a held partition's records again."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Log(Protocol):
    """Kafka, or its twin in memory.

    Every method raises Unavailable when no broker answers in time, and ContractBroken when the broker refuses us.
    Those that are not awaited block; a loop calls them by asyncio.to_thread where that may matter.
    """

    @property
    def signer(self) -> Signer | None:
        """Signs each record that is built for this log; None signs nothing."""
        ...

    def topics(self) -> Mapping[str, int]:
        """Return topics that exist, with their number of partitions."""
        ...

    def partition_count(self, topic: str) -> int:
        """Return number of partitions of a topic; asked of the broker once, then remembered (it never changes).

        Raises: ContractBroken when there is no such topic.
        """
        ...

    def starts(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """First offset that each partition still holds."""
        ...

    def ends(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Offset that the next record of each partition will get."""
        ...

    def offsets_at(self, partitions: Iterable[Partition], instant: datetime) -> Mapping[Partition, int | None]:
        """Offset of the first record of each partition that is not older than an instant; None where none is."""
        ...

    def feed(self, starts: Mapping[Partition, int]) -> Feed:
        """Read on from these offsets, for ever; nothing is committed and no group is joined."""
        ...

    async def topic_id(self, topic: str) -> str:
        """Identity of the topic itself, so a snapshot of a deleted and re-created topic is not trusted."""
        ...

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset kept, and the offset that the next record will get."""
        ...

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Inbound]]:
        """Yield the records of start <= offset < end, in order, in batches."""
        ...

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        """Append and wait for every acknowledgement (all in-sync replicas).

        Shapes:  records is (n,); the result is (n,), the offset that each record got.
        Raises:  DeliveryFailed when one acknowledgement does not come; records of the call may be there or not.
        """
        ...
