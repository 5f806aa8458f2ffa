"""When each file was read for the first time, by the topic that keeps files.

Protects what a corrected file says from an older file that somebody brings once more: what a file says counts from its
first reading, whichever way it came then. The topic is read once, and on from there at each question.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from schemas.failures import Unreadable
from schemas.records.files import FileReceived
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.log.ports import Log


class FileRegister:
    """Remembers digests; as many as there are files, some hundred bytes each."""

    def __init__(self, log: Log, codec: Codec) -> None:
        self._log = log
        self._codec = codec
        self._first: dict[str, datetime] = {}
        self._next: dict[int, int] = {}
        self._reading = asyncio.Lock()

    async def first_read_at(self, digest: str) -> datetime | None:
        """Return when a file with these bytes was read for the first time; None when it is new.

        Raises: Unavailable and ContractBroken of the log.
        """
        async with self._reading:
            for partition in range(await asyncio.to_thread(self._log.partition_count, Topic.FILES)):
                start, end = await self._log.watermarks(Topic.FILES, partition)
                start = max(start, self._next.get(partition, start))
                if start < end:
                    await self._read(partition, start, end)
        return self._first.get(digest)

    async def _read(self, partition: int, start: int, end: int) -> None:
        async for batch in self._log.read(Topic.FILES, partition, start, end):
            for record in batch:
                try:
                    kept = self._codec.decode_as_written(record.value)
                except Unreadable:  # a stranger's: it is no file of ours
                    continue
                if isinstance(kept, FileReceived):
                    first = self._first.get(kept.file_digest, kept.observed_at)
                    self._first[kept.file_digest] = min(first, kept.observed_at)
        self._next[partition] = end
