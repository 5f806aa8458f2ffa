"""The orders that signed hooks of shops named: read from orders.inbox.v1, where the ingress puts them.

For the source of shops, which asks each shop itself. How far they were followed is marked with each mark of the source;
one that is followed twice is one request too many, one that is lost the next poll finds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from app.sources.polling import Publisher
from schemas.failures import Unreadable
from schemas.records.orders import OrderHinted
from schemas.topic import Topic
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text
from streams.log.ports import Feed, Log

logger = logging.getLogger(__name__)

_MOST: Final = 500


class ShopHints:
    """One reader for all shops of a process."""

    def __init__(self, log: Log, codec: Codec, marks: Publisher) -> None:
        self._log = log
        self._codec = codec
        self._marks = marks
        self._feed: Feed | None = None
        self._ends: dict[int, int] = {}
        self._waiting: defaultdict[str, list[str]] = defaultdict(list)
        self._turn = asyncio.Lock()

    async def take(self, shop: str) -> Sequence[str]:
        """Return the ids of orders that hooks of a shop named since it was last asked.

        Ensures: what was taken before is marked as followed, since the source publishes before it takes again.
        """
        async with self._turn:
            await self._read()
            found, self._waiting[shop] = self._waiting[shop], []
            return found

    async def _read(self) -> None:
        if self._feed is None:
            places = [(Topic.ORDERS_INBOX, number) for number in range(self._log.partition_count(Topic.ORDERS_INBOX))]
            starts = dict(await asyncio.to_thread(self._log.starts, places))
            for topic, number in places:
                starts[topic, number] = max(starts[topic, number], int(self._marks.position_of(_name(number)) or 0))
                self._ends[number] = starts[topic, number]
            self._feed = await asyncio.to_thread(self._log.feed, starts)
        elif not any(self._waiting.values()):
            for number, end in self._ends.items():
                if self._marks.position_of(_name(number)) != str(end):
                    await self._marks.mark(_name(number), str(end))
        records = await asyncio.to_thread(self._feed.take, _MOST, 0.0)
        for record in records:
            self._ends[record.partition] = record.offset + 1
            if header_text(record.headers, "ce_type") != OrderHinted.__name__:
                continue
            try:
                hint = self._codec.decode_as_written(record.value)
            except Unreadable as error:
                logger.warning("hint passed over", extra={"offset": record.offset, "error": str(error)})
                continue
            if isinstance(hint, OrderHinted):
                self._waiting[hint.shop].append(hint.order_id)


def _name(partition: int) -> str:
    return f"hints/{partition}"
