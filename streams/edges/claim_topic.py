"""A topic of claims as one process uses it: append a claim, and read on what others claimed.

For streams/edges/claims.py and app/composition/posting_claims.py, which say what follows from claims. A claim that
can't be read stops its reader, since nobody knows what it forbids.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from schemas.failures import ContractBroken, Unreadable
from schemas.wire.codec import Codec
from streams.log.outbound import Outbound
from streams.log.ports import Log
from streams.log.records import Inbound, partition_for


class ClaimTopic:
    """Claims by partition, read once and in order. One per process, under the lock of whoever uses it."""

    def __init__(self, log: Log, codec: Codec, topic: str, *, source: str) -> None:
        """Bind a topic and the name under which its claims are written."""
        self._log = log
        self._codec = codec
        self.name = topic
        self._source = source
        # Partition -> offset of the next claim to read.
        self.read_to: dict[int, int] = {}

    def partition_of(self, key: str) -> int:
        """Ask the broker; Unavailable when it can't be asked."""
        return partition_for(key.encode(), self._log.partition_count(self.name))

    async def append(self, partition: int, claim: Any) -> int:
        """Write a claim and return its offset.

        Raises: DeliveryFailed when it is not acknowledged: the process must end, it may be there all the same;
                Unavailable when the broker can't be asked for its partitions.
        """
        record = Outbound.of(
            claim,
            topic=self.name,
            source=self._source,
            at=claim.occurred_at,
            codec=self._codec,
            log=self._log,
            partition=partition,
        )
        (offset,) = await self._log.append([record])
        return offset

    async def read_on(self, partition: int) -> AsyncIterator[tuple[int, Any]]:
        """Yield what was claimed since the last time, to the end, with its offset.

        Raises: Unavailable when the topic can't be read; ContractBroken when a claim makes no sense.
        """
        start, end = await self._log.watermarks(self.name, partition)
        self.read_to.setdefault(partition, start)
        async for batch in self._log.read(self.name, partition, self.read_to[partition], end):
            for record in batch:
                yield record.offset, self._decoded(record)
                # As far as was read and not as far as was asked for, so that no claim is ever stepped over.
                self.read_to[partition] = record.offset + 1

    def _decoded(self, record: Inbound) -> Any:
        try:
            return self._codec.decode_as_written(record.value)  # a claim counts whatever it says of the amount
        except Unreadable as error:
            where = f"{record.topic}/{record.partition}/{record.offset}"
            raise ContractBroken(
                f"{where} is no claim that this version can read, so nothing is sent: {error}"
            ) from error
