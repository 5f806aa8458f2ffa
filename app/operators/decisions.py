"""An operator's command: written to the inbox of its context, and the answer of that context's journal.

For `saldo decide` and `saldo deposits`. A command is one like any other, so a replay of the inbox repeats it in its
place; its answer is what the journal holds under the command's own position, whoever decided it and whenever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.topics.writing import instant_of
from schemas import catalog
from schemas.records.tasks import RecordParked
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text, source_position
from streams.log import kafka
from streams.log.outbound import Outbound, Signer
from streams.log.ports import Log
from streams.log.records import partition_for
from streams.tasks.journal import EVENTS_HEADER

_SOURCE = "saldo/operators"
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command: where it was written, and all that the journal says of it; () if nothing in time."""

    partition: int
    offset: int
    events: tuple[Any, ...]

    @property
    def is_decided(self) -> bool:
        """Whether it was carried out or refused; not if it is parked or nothing was said of it yet."""
        return bool(self.events) and not isinstance(self.events[0], RecordParked)


@dataclass(frozen=True, slots=True)
class Place:
    """Where inbox and journal of a partition ended before a command was written."""

    inbox_offset: int
    journal_offset: int


@asynccontextmanager
async def opened(connection: Mapping[str, Any], codec: Codec, *, signer: Signer) -> AsyncIterator[CommandClient]:
    """Hold the client by which a broker's contexts take an operator's command."""
    async with kafka.opened(connection, signer=signer) as log:
        yield CommandClient(log, codec)


class CommandClient:
    """Writes words and waits for their answers."""

    def __init__(self, log: Log, codec: Codec) -> None:
        self._log = log
        self._codec = codec

    async def ask(
        self, inbox: str, command: Any, *, wait_s: float, note: Callable[[Place], None] | None = None
    ) -> Answer:
        """Write a command and wait so long for its answer; 0 does not wait.

        note is called before the command is written, with the place from which on it and its answer are looked for.
        Ensures: on return the command is durable. The same one written again is decided once.
        Raises:  Unreadable when its words hold a card or account number; DeliveryFailed without an acknowledgement.
        """
        record = self._record(inbox, command)
        partition = record.partition
        _, journal_end = await self._log.watermarks(catalog.journal_of(inbox).name, partition)
        if note is not None:
            _, inbox_end = await self._log.watermarks(inbox, partition)
            note(Place(inbox_end, journal_end))
        (offset,) = await self._log.append([record])
        return Answer(partition, offset, await self._answer(inbox, partition, offset, journal_end, wait_s))

    async def ask_again(self, inbox: str, command: Any, since: Place, *, wait_s: float) -> Answer:
        """Wait for the answer of a command that may have been written already; write it if it was not.

        Ensures: the command is in the inbox once for all that was noted since.
        """
        record = self._record(inbox, command)
        partition, wanted = record.partition, header_text(record.headers, "ce_id")
        _, end = await self._log.watermarks(inbox, partition)
        async for batch in self._log.read(inbox, partition, since.inbox_offset, end):
            for found in batch:
                if header_text(found.headers, "ce_id") == wanted:
                    events = await self._answer(inbox, partition, found.offset, since.journal_offset, wait_s)
                    return Answer(partition, found.offset, events)
        return await self.ask(inbox, command, wait_s=wait_s)

    def _record(self, inbox: str, command: Any) -> Outbound:
        return Outbound.of(
            command,
            topic=inbox,
            source=_SOURCE,
            at=instant_of(command),
            codec=self._codec,
            log=self._log,
            refuses_numbers=True,
        )

    async def journal_end(self, inbox: str, command: Any) -> int:
        """Return where the journal of an inbox ends now, on the partition that will answer this command."""
        _, end = await self._log.watermarks(catalog.journal_of(inbox).name, self._partition_of(inbox, command))
        return end

    async def outcome_of(self, inbox: str, command: Any, *, start: int, wait_s: float) -> Any:
        """Return what was decided since `start` about a command that an agent writes there; None if nothing in time.

        It is known by its command_id; a context that answers without one is not waited for.
        """
        wanted = getattr(command, "command_id", None)
        partition, deadline = self._partition_of(inbox, command), time.monotonic() + wait_s
        while wanted is not None and time.monotonic() < deadline:
            _, end = await self._log.watermarks(catalog.journal_of(inbox).name, partition)
            async for batch in self._log.read(catalog.journal_of(inbox).name, partition, start, end):
                for record in batch:
                    event = self._codec.decode_as_written(record.value)
                    if getattr(event, "command_id", None) == wanted:
                        return event
            start = end
            await asyncio.sleep(_LOOK_EVERY_S)
        return None

    def _partition_of(self, inbox: str, command: Any) -> int:
        return partition_for(catalog.topic(inbox).key_of(command), self._log.partition_count(inbox))

    async def _answer(self, inbox: str, partition: int, offset: int, start: int, wait_s: float) -> tuple[Any, ...]:
        """Return all events that the journal holds of an inbox record, once they are complete."""
        found: dict[int, Any] = {}
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            _, end = await self._log.watermarks(catalog.journal_of(inbox).name, partition)
            async for batch in self._log.read(catalog.journal_of(inbox).name, partition, start, end):
                for record in batch:
                    source = source_position(record.headers)
                    if source is None or (source.topic, source.offset) != (inbox, offset):
                        continue
                    found[source.index] = self._codec.decode(record.value)
                    if len(found) == int(header_text(record.headers, EVENTS_HEADER) or 0):
                        return tuple(found[index] for index in sorted(found))
            start = end
            await asyncio.sleep(_LOOK_EVERY_S)
        return ()
