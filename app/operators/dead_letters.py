"""What is parked now, read from journals and dead-letter topics, and an operator's command on it written to the inbox.

For `saldo dlq`. Parking lives in the journals (what was parked, released, discarded); the dead letter holds the record
itself. An operator's request is a record in the inbox like any other, so a replay of the inbox repeats it in its place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import catalog
from schemas.failures import ContractBroken, SaldoError, Unreadable
from schemas.records.tasks import DeadLetter, ParkedRecordDiscarded, ParkedRecordReleased, RecordParked
from schemas.values.clock import utc_now
from schemas.wire.codec import Codec, to_json
from streams.log import kafka
from streams.log.once import each_once
from streams.log.outbound import Outbound, Signer
from streams.log.ports import Log
from streams.log.records import Inbound
from streams.tasks.journal import JournalReader, note
from streams.tasks.progress import Progress


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A record that waits for an operator; error_type is empty for one that is not parked."""

    inbox: str
    partition: int
    offset: int
    key: bytes
    behind: int | None
    error_type: str
    message: str
    letter: DeadLetter | None
    content: Mapping[str, Any] | None
    is_held: bool = False

    @property
    def is_parked(self) -> bool:
        """Whether an agent set it aside; else it is any record of an inbox."""
        return bool(self.error_type)

    @property
    def key_text(self) -> str:
        """The key for people."""
        return self.key.decode("utf-8", "backslashreplace")

    def as_json(self) -> dict[str, Any]:
        """JSON-ready fields, without the record itself."""
        return {
            "inbox": self.inbox,
            "partition": self.partition,
            "offset": self.offset,
            "key": self.key_text,
            "behind": self.behind,
            "error_type": self.error_type,
            "message": self.message,
            "is_held": self.is_held,
        }


@asynccontextmanager
async def opened(
    connection: Mapping[str, Any], codec: Codec, *, signer: Signer | None = None
) -> AsyncIterator[DeadLetters]:
    """Dead letters of a broker."""
    async with kafka.opened(connection, signer=signer) as log:
        yield DeadLetters(log, codec)


class DeadLetters:
    """Reads and answers what is parked."""

    def __init__(self, log: Log, codec: Codec) -> None:
        self._log = log
        self._codec = codec

    async def parked(self, inbox: str | None = None) -> list[ParkedRecord]:
        """Return everything parked now, by inbox, partition and offset.

        Raises: ContractBroken when there is no such inbox.
        """
        names = _inboxes()
        if inbox is not None and inbox not in names:
            raise ContractBroken(f"{inbox!r} is no inbox; there are {', '.join(sorted(names))}")
        found: list[ParkedRecord] = []
        for name in sorted(names if inbox is None else [inbox]):
            for partition in range(self._log.partition_count(name)):
                found += await self._parked_in(name, names[name], partition)
        return found

    async def run_of_failures(self, inbox: str, partition: int) -> ParkedRecord | None:
        """Return the first record of the run of bad ones at the end of this partition's journal.

        None when there is no run.

        Raises: ContractBroken when there is no such inbox or partition.
        """
        names = _inboxes()
        if inbox not in names:
            raise ContractBroken(f"{inbox!r} is no inbox; there are {', '.join(sorted(names))}")
        count = self._log.partition_count(inbox)
        if not 0 <= partition < count:
            raise ContractBroken(f"{inbox} has no partition {partition}; it has 0 to {count - 1}")
        progress, reader = Progress(), JournalReader(self._codec, Progress().last_rank)
        async for record in each_once(self._log, names[inbox], partition):
            if group := reader.feed(record):
                note(progress, group)
        if progress.first_failed is None:
            return None
        offset, error = progress.first_failed
        key = next((key for key, offsets in progress.parked.items() if offset in offsets), b"")
        error_type, _, message = error.partition(": ")
        return ParkedRecord(inbox, partition, offset, key, None, error_type, message, None, None)

    async def in_inbox(self, inbox: str, partition: int, offset: int) -> ParkedRecord | None:
        """Return a record of an inbox whether it is parked or not; None when the inbox has none at this place.

        For a record that its agent could decide and a table does not take: no journal says that it waits.
        """
        names = _inboxes()
        if inbox not in names or partition >= self._log.partition_count(inbox):
            return None
        for parked in await self._parked_in(inbox, names[inbox], partition):
            if parked.offset == offset:
                return parked
        start, end = await self._log.watermarks(inbox, partition)
        if not start <= offset < end:
            return None
        async for batch in self._log.read(inbox, partition, offset, offset + 1):
            for record in batch:
                key = record.key or f"{inbox}/{partition}/{offset}".encode()
                return ParkedRecord(inbox, partition, offset, key, None, "", "", None, None)
        return None

    async def is_given_up(self, record: ParkedRecord) -> bool:
        """Return whether a person gave up this record while it was parked."""
        journal = _inboxes()[record.inbox]
        async for found in each_once(self._log, journal, record.partition):
            event = self._codec.decode_as_written(found.value)
            if isinstance(event, ParkedRecordDiscarded) and event.offset == record.offset:
                return True
        return False

    async def ask(self, parked: ParkedRecord, request: Callable[[datetime], Any]) -> None:
        """Write an operator's request into the inbox, behind everything that is there."""
        now = utc_now()
        record = Outbound.of(
            request(now),
            topic=parked.inbox,
            source="saldo/operators",
            at=now,
            codec=self._codec,
            log=self._log,
            partition=parked.partition,
            refuses_numbers=True,
        )
        await self._log.append([record])

    async def _parked_in(self, inbox: str, journal: str, partition: int) -> list[ParkedRecord]:
        waiting: dict[int, RecordParked] = {}
        async for record in each_once(self._log, journal, partition):
            match event := self._codec.decode_as_written(record.value):
                case RecordParked(offset=offset):
                    waiting[offset] = event
                case ParkedRecordReleased(offset=offset) | ParkedRecordDiscarded(offset=offset):
                    waiting.pop(offset, None)
        if not waiting:
            return []
        dlq = catalog.topic(inbox).dlq
        assert dlq is not None
        letters = await self._letters(dlq, waiting)
        return [self._record(event, letters.get(offset)) for offset, event in sorted(waiting.items())]

    async def _letters(self, dlq: str, waiting: Mapping[int, RecordParked]) -> dict[int, DeadLetter]:
        letters: dict[int, DeadLetter] = {}
        for partition in range(self._log.partition_count(dlq)):
            async for record in each_once(self._log, dlq, partition):
                letter = self._letter(record)
                if letter is None or letter.offset not in waiting:
                    continue
                if waiting[letter.offset].partition == letter.partition:
                    letters[letter.offset] = letter
        return letters

    def _letter(self, record: Inbound) -> DeadLetter | None:
        """Return the dead letter in a record; None for what a stranger wrote into the topic."""
        try:
            letter = self._codec.decode_as_written(record.value)
        except Unreadable:
            return None
        return letter if isinstance(letter, DeadLetter) else None

    def _record(self, event: RecordParked, letter: DeadLetter | None) -> ParkedRecord:
        content = None
        if letter is not None:
            try:
                record = self._codec.decode_as_written(letter.record_value)
                content = {"type": type(record).__name__, **to_json(record)}
            except SaldoError:
                content = None
        return ParkedRecord(
            inbox=event.topic,
            partition=event.partition,
            offset=event.offset,
            key=event.record_key,
            behind=event.behind,
            error_type=event.error_type,
            message=event.message,
            letter=letter,
            content=content,
            is_held=event.is_held,
        )


def _inboxes() -> dict[str, str]:
    """Return each inbox that an agent decides, and that agent's journal."""
    journals = {spec.consumers[0]: spec.name for spec in catalog.topics().values() if spec.role == "journal"}
    return {
        spec.name: journals[spec.consumers[0]]
        for spec in catalog.topics().values()
        if spec.dlq is not None and not spec.awaits_agent
    }
