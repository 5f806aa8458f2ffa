"""Journal records: how a task writes down what it decided, and how it reads that back.

Each journal record carries, besides the envelope of schemas.wire.envelope:

    saldo-source     the inbox record that caused it, and its index among the events of that record
    saldo-events     how many events that record caused: a crash between two of them shows as an incomplete group,
                     and the inbox record is decided again
    saldo-accepted   upstream marks accepted since the event before, so that silence is remembered too
    saldo-audit      the chain of operator commands accepted so far, where the event before did not tell it yet; signed
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas import catalog
from schemas.failures import ContractBroken
from schemas.records import Record
from schemas.records.tasks import (
    ParkedRecordDiscarded,
    ParkedRecordReleased,
    PositionMarked,
    RecordParked,
    RulesAdopted,
)
from schemas.wire.codec import Codec
from schemas.wire.envelope import SourcePosition, header_map, source_position
from streams.log.chain import LINK_HEADER, Link, link_of
from streams.log.records import Inbound
from streams.tasks.progress import Progress

logger = logging.getLogger(__name__)

EVENTS_HEADER = "saldo-events"
ACCEPTED_HEADER = "saldo-accepted"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One event as the journal holds it."""

    key: bytes
    event: Record
    source: SourcePosition
    group_size: int
    accepted: tuple[SourcePosition, ...]
    link: Link | None = None


def instant_of(event: Record, origin: Inbound) -> datetime:
    """Return the instant that dates what a task writes: the event's own, else that of the record that it is about."""
    when = getattr(event, "occurred_at", None)
    return when if isinstance(when, datetime) else origin.entered_at


def journal_headers(
    group_size: int, accepted: Sequence[SourcePosition], link: Link | None = None
) -> list[tuple[str, bytes]]:
    """Return what a journal record carries behind its envelope."""
    headers = [(EVENTS_HEADER, str(group_size).encode())]
    if accepted:
        headers.append((ACCEPTED_HEADER, ";".join(map(str, sorted(accepted))).encode()))
    if link is not None:
        headers.append((LINK_HEADER, str(link).encode()))
    return headers


class JournalReader:
    """Turns journal records into whole groups, each exactly once, in order.

    A group is what one inbox record caused. Repeats lie at or below the last rank and are dropped; a group that a
    crash cut short is not given out, and its inbox record will be decided again. What is decided then is the same to
    the byte, unless another version of the rules decides it: then the later word counts from where they differ, since
    it is the one that was decided whole (docs/delivery.md, "A crash, then another version").
    """

    def __init__(self, codec: Codec, last_rank: tuple[int, int]) -> None:
        self._codec = codec
        self._last_rank = last_rank
        self._open: list[JournalEntry] = []
        self._values: list[bytes | None] = []
        self._replaced = False

    def feed(self, record: Inbound) -> Sequence[JournalEntry]:
        """Return the group that this record completes; empty when it completes none.

        Raises: ContractBroken for a record that no task can have written: the journal has one owner.
        """
        try:
            headers = header_map(record.headers)
            source = source_position(record.headers)
            group_size = int(headers.get(EVENTS_HEADER, b""))
            accepted = _accepted(headers)
            link = link_of(record.headers) if LINK_HEADER in headers else None
        except ValueError as error:
            raise ContractBroken(
                f"journal {record.topic}/{record.partition}/{record.offset} was not written by its task: {error}"
            ) from error
        if source is None:
            raise ContractBroken(
                f"journal {record.topic}/{record.partition}/{record.offset} has no saldo-source; "
                "only its own task may write to a journal"
            )
        if source.rank <= self._last_rank:
            return ()
        if self._open and source.offset != self._open[0].source.offset:
            self._cut(0)
            self._replaced = False
        if source.index < len(self._open):
            known = self._open[source.index]
            if (known.group_size, self._values[source.index]) == (group_size, record.value):
                return ()
            logger.warning(
                "half a group gives way to another version's", extra={"journal": record.topic, "at": str(source)}
            )
            self._cut(source.index)
            self._replaced = True
        expected = len(self._open)
        if source.index > expected and self._replaced:
            return ()  # the rest of what gave way, from a process that was paused
        if source.index > expected:
            raise ContractBroken(
                f"journal {record.topic}/{record.partition}/{record.offset} skips event {expected} of {source}"
            )
        # As it stands: what was decided is the state, whatever today's rules say of its values.
        event = self._codec.decode_as_written(record.value)
        if not catalog.topic(record.topic).carries(event):
            raise ContractBroken(
                f"journal {record.topic}/{record.partition}/{record.offset} holds a {type(event).__name__}, which "
                f"schemas/topics/{record.topic}.yaml does not name; only its own task may write to a journal"
            )
        self._open.append(JournalEntry(record.key or b"", event, source, group_size, accepted, link))
        self._values.append(record.value)
        if len(self._open) < group_size:
            return ()
        group = tuple(self._open)
        self._cut(0)
        self._replaced = False
        self._last_rank = group[-1].source.rank
        return group

    def _cut(self, length: int) -> None:
        del self._open[length:], self._values[length:]


def note(progress: Progress, entries: Sequence[JournalEntry]) -> None:
    """Move progress past one group of journal entries; what happens to keys and states is the caller's."""
    last = entries[-1]
    progress.position = last.source.offset + 1
    progress.last_rank = last.source.rank
    marker = isinstance(last.event, PositionMarked)
    for entry in entries:
        progress.accepted(entry.accepted)
        progress.link = entry.link or progress.link
        match entry.event:
            case RecordParked(record_key=key, offset=offset, behind=behind, is_held=is_held) as event:
                # A record that waits already is reported anew when it is held no longer: one failure, not two.
                if behind is None and offset not in progress.parked.get(key, ()):
                    progress.failed(offset, f"{event.error_type}: {event.message}")
                progress.park(key, offset)
                if behind is None:
                    progress.hold(key, is_held)
            case (
                ParkedRecordReleased(record_key=key, offset=offset)
                | ParkedRecordDiscarded(record_key=key, offset=offset)
            ):
                progress.unpark(key, offset)
                progress.succeeded()
            case RulesAdopted() as adopted:
                progress.rules[adopted.rules_name] = adopted
            case PositionMarked():
                pass
            case _:
                progress.succeeded()
    if marker:
        # A marker tells what silence accepted without ending the stretch, so that events stay the same bytes
        # wherever a batch happened to end.
        progress.unjournaled.update({mark.lane: mark for mark in last.accepted})
    else:
        progress.unjournaled.clear()
        progress.link_reported = progress.link


def _accepted(headers: Mapping[str, bytes]) -> tuple[SourcePosition, ...]:
    value = headers.get(ACCEPTED_HEADER)
    if not value:
        return ()
    return tuple(SourcePosition.parse(mark) for mark in value.decode("utf-8", "replace").split(";"))
