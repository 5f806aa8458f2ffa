"""A whole partition as a reader sees it that drops repeats (docs/delivery.md, rule 5).

For whoever reads a topic from its first record to its present end: proposals, parked records, a rebuild.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from schemas.wire.envelope import trusted_position
from schemas.wire.highwater import HighWater
from streams.log.ports import Log
from streams.log.records import Inbound


async def each_with_news(log: Log, topic: str, partition: int) -> AsyncIterator[tuple[Inbound, bool]]:
    """Yield every record, and whether it is new to such a reader."""
    marks = HighWater()
    start, end = await log.watermarks(topic, partition)
    async for batch in log.read(topic, partition, start, end):
        for record in batch:
            yield record, marks.accept(trusted_position(record.headers))


async def each_once(log: Log, topic: str, partition: int) -> AsyncIterator[Inbound]:
    """Yield every record that is new; repeats are left out."""
    async for record, is_new in each_with_news(log, topic, partition):
        if is_new:
            yield record
