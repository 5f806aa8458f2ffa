"""What a task needs of the world: a log to read and append, proof that it still owns its partition, a way to stop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from streams.tasks.records import Inbound, Outbound


class DeliveryFailed(Exception):
    """The broker did not acknowledge: the process must stop, and start again from the journal."""


class Log(Protocol):
    """Kafka, or its twin in memory."""

    def partition_count(self, topic: str) -> int:
        """Number of partitions of a topic; asked of the broker once, then remembered (it never changes)."""
        ...

    async def topic_id(self, topic: str) -> str:
        """Identity of the topic itself, so a snapshot of a deleted and re-created topic is not trusted."""
        ...

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset kept, and the offset that the next record will get."""
        ...

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Inbound]]:
        """The records of start <= offset < end, in order, in batches."""
        ...

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        """Append and wait for every acknowledgement (all in-sync replicas).

        Shapes:  records is (n,); the result is (n,), the offset that each record got.
        Raises:  DeliveryFailed when one acknowledgement does not come; records of the call may be there or not.
        """
        ...


class Membership(Protocol):
    """Proof that this process still owns a partition."""

    async def holds(self, topic: str, partition: int) -> bool:
        """Whether the group coordinator, asked recently enough, says that the partition is ours."""
        ...


class Observer(Protocol):
    """Hears what tasks do, for metrics; must not fail."""

    def decided(self, task: str, records: int) -> None:
        """Records whose consequences are durable."""
        ...

    def dropped(self, task: str, records: int) -> None:
        """Repeats that lay at or below a high-water mark."""
        ...

    def healed(self, task: str, records: int) -> None:
        """Records that were never delivered and that the task read itself."""
        ...

    def parked(self, task: str, records: int) -> None:
        """Records that went to the dead letters."""
        ...

    def stalled(self, task: str, reason: str | None) -> None:
        """The task waits (reason), or goes on (None)."""
        ...


class SilentObserver:
    """Hears nothing."""

    def decided(self, task: str, records: int) -> None:
        """Nothing."""

    def dropped(self, task: str, records: int) -> None:
        """Nothing."""

    def healed(self, task: str, records: int) -> None:
        """Nothing."""

    def parked(self, task: str, records: int) -> None:
        """Nothing."""

    def stalled(self, task: str, reason: str | None) -> None:
        """Nothing."""
