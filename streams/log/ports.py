"""What writers, readers and tasks need of Kafka; streams.log.kafka and streams.log.memory both give it.

One abstract suite holds the two to it: tests/support/log_suite.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from schemas.failures import ContractBroken
from streams.log.outbound import Outbound, Signer
from streams.log.records import Inbound


class DeliveryFailed(Exception):
    """The broker did not acknowledge: the process must stop, and start again from the journal."""


class RecordsGone(ContractBroken):
    """A partition no longer holds what would have to be read next: it was cut or made anew."""

    def __init__(self, topic: str, partition: int, offset: int, words: str) -> None:
        super().__init__(f"{topic}/{partition} no longer holds offset {offset} ({words}); restore it from backup")


class Log(Protocol):
    """Kafka, or its twin in memory."""

    @property
    def signer(self) -> Signer | None:
        """Signs each record that is built for this log; None signs nothing."""
        ...

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
