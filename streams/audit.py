"""Is the history of operator commands whole? Walks each inbox beside its journal and names the first break.

The task that decided an inbox wrote the newest link of its chain beside its events (streams/log/chain.py). Here the
chain is computed again from the inbox as it is now: where it leads elsewhere, a command was cut out, changed, put in or
moved after it was accepted. For `saldo audit verify` and `saldo audit export`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import catalog
from schemas.codec import Codec
from schemas.envelope import header_text, source_position, trusted_position
from schemas.failures import SaldoError
from schemas.highwater import HighWater
from schemas.records.tasks import ParkedDiscardRequested, ParkedReplayRequested, RecordParked
from streams.log.chain import Link, is_operator_command, link_of
from streams.log.ports import Log
from streams.log.records import Inbound, partition_for
from streams.log.signing import KEY_ID_HEADER, NotSigned, Ring, prove

_WHO = ("decided_by", "requested_by")


@dataclass(frozen=True, slots=True)
class Break:
    """The first place of a partition at which the history is not what was accepted."""

    inbox: str
    partition: int
    offset: int
    what: str

    def __str__(self) -> str:
        return f"{self.inbox}/{self.partition}/{self.offset}: {self.what}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One operator command: who, when, what, why, what came of it, and what proves it.

    journal   offsets in the journal of what it led to, first and last; None when it led to nothing
    events    record types of that
    link      the chain with it
    """

    inbox: str
    partition: int
    offset: int
    at: datetime
    what: str
    key: str
    who: str
    authenticated_by: str
    why: str
    journal: str
    journal_from: int | None
    journal_to: int | None
    events: tuple[str, ...]
    key_id: str
    signed_by: str
    link: Link

    def as_json(self) -> dict[str, Any]:
        """Fields in a fixed order, JSON-ready."""
        return {
            "at": self.at.isoformat(),
            "who": self.who,
            "authenticated_by": self.authenticated_by,
            "what": self.what,
            "key": self.key,
            "why": self.why,
            "inbox": self.inbox,
            "partition": self.partition,
            "offset": self.offset,
            "journal": self.journal,
            "journal_from": self.journal_from,
            "journal_to": self.journal_to,
            "events": " ".join(self.events),
            "key_id": self.key_id,
            "signed_by": self.signed_by,
            "number": self.link.number,
            "digest": self.link.digest,
        }


@dataclass(frozen=True, slots=True)
class PartitionAudit:
    """What was found on one partition: its operator commands up to the first break, the last link, and the break."""

    inbox: str
    partition: int
    entries: tuple[Entry, ...]
    head: Link
    broken: Break | None


@dataclass(slots=True)
class _Journal:
    """What a journal says of its inbox partition.

    position  next inbox offset to decide
    links     inbox offset -> the link that was written with what it led to
    caused    inbox offset -> journal offsets and record types
    refused   inbox offsets of what was parked because nobody proved to have given it
    """

    position: int = 0
    links: dict[int, Link] = field(default_factory=dict)
    caused: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)


def audited_inboxes() -> Mapping[str, str]:
    """Each inbox that an agent decides and that takes operator commands, with its journal."""
    journals = {
        name: spec.name for spec in catalog.topics().values() if spec.role == "journal" for name in spec.producers
    }
    found: dict[str, str] = {}
    for spec in catalog.topics().values():
        agents = [name for name in spec.consumers if name in journals]
        if spec.role == "inbox" and len(agents) == 1 and any(is_operator_command(spec.name, t) for t in spec.commands):
            found[spec.name] = journals[agents[0]]
    return found


async def audit(log: Log, codec: Codec, ring: Ring) -> AsyncIterator[PartitionAudit]:
    """Audit every partition of every inbox; nothing is written. What is not decided yet is left to the next audit.

    Raises: Unavailable when no broker answers.
    """
    for inbox, journal in sorted(audited_inboxes().items()):
        for partition in range(log.partition_count(inbox)):
            yield await _audit_partition(log, codec, ring, inbox, journal, partition)


async def _audit_partition(
    log: Log, codec: Codec, ring: Ring, inbox: str, journal: str, partition: int
) -> PartitionAudit:
    told = await _journal(log, codec, journal, partition, inbox)
    start, end = await log.watermarks(inbox, partition)
    entries: list[Entry] = []
    link, marks = Link(), HighWater()
    last_good = -1

    def done(offset: int, what: str | None) -> PartitionAudit:
        broken = None if what is None else Break(inbox, partition, offset, what)
        return PartitionAudit(inbox, partition, tuple(entries), link, broken)

    if start > 0 and told.position > 0:
        return done(0, f"cut: the inbox begins at offset {start}, and what lay before it was decided")
    if end < told.position:
        return done(end, f"cut: the inbox ends here, and records up to offset {told.position - 1} were decided")
    async for batch in log.read(inbox, partition, start, told.position):
        for found in batch:
            if marks.accept(trusted_position(found.headers)):
                command = _command(log, codec, found)
                if command is not None and found.offset not in told.refused:
                    value, key = command
                    name = type(value).__name__
                    try:
                        prove(ring, found, type=name, key=key)
                    except NotSigned as error:
                        return done(found.offset, f"changed or put in: it was decided, and {error}")
                    link = link.then(found, type=name, key=key)
                    entries.append(_entry(found, value, key, journal, told, ring, link))
            wanted = told.links.get(found.offset)
            if wanted is not None and wanted != link:
                return done(found.offset, _difference(wanted, link, entries, last_good))
            if wanted is not None:
                last_good = found.offset
    beyond = sorted(offset for offset in told.links if offset >= told.position or offset < start)
    if beyond:
        return done(beyond[0], "the journal names a command that the inbox does not hold")
    return done(told.position, None)


def _difference(wanted: Link, found: Link, entries: Sequence[Entry], last_good: int) -> str:
    since = [entry.offset for entry in entries if entry.offset > last_good]
    between = f"between offset {last_good + 1} and here" if last_good >= 0 else "up to here"
    if found.number < wanted.number:
        return f"cut: {wanted.number - found.number} operator commands that were accepted are missing {between}"
    if found.number > wanted.number:
        where = ", ".join(map(str, since))
        return (
            f"put in: {found.number - wanted.number} operator commands more than were accepted, among offsets {where}"
        )
    return (
        f"changed or moved: the {found.number} operator commands up to here are not those that were accepted, in this "
        f"order and at these places; the chain was whole up to offset {last_good}"
        if last_good >= 0
        else f"changed or moved: the first {found.number} operator commands are not those that were accepted"
    )


def _command(log: Log, codec: Codec, found: Inbound) -> tuple[Any, bytes] | None:
    """An operator command as the task saw it, with its key; None for anything else, and for what was moved on."""
    try:
        value = codec.decode(found.value)
        name = type(value).__name__
        if not is_operator_command(found.topic, name):
            return None
        key = catalog.topic(found.topic).key_of(value)
    except (SaldoError, ValueError):
        return None
    is_request = isinstance(value, ParkedReplayRequested | ParkedDiscardRequested)
    if not is_request and partition_for(key, log.partition_count(found.topic)) != found.partition:
        return None
    if found.key is not None and found.key != key:
        return None
    return value, key


async def _journal(log: Log, codec: Codec, journal: str, partition: int, inbox: str) -> _Journal:
    told, marks = _Journal(), HighWater()
    start, end = await log.watermarks(journal, partition)
    async for batch in log.read(journal, partition, start, end):
        for found in batch:
            source = source_position(found.headers)
            if source is None or source.topic != inbox or not marks.accept(source):
                continue
            told.position = max(told.position, source.offset + 1)
            name = header_text(found.headers, "ce_type") or ""
            link = link_of(found.headers)
            if link is not None:
                told.links[source.offset] = link
            if name == "PositionMarked":
                continue
            told.caused.setdefault(source.offset, []).append((found.offset, name))
            if name == "RecordParked":
                event = codec.decode_as_told(found.value)
                if isinstance(event, RecordParked) and event.error_type == NotSigned.__name__:
                    told.refused.add(event.offset)
    return told


def _entry(found: Inbound, value: Any, key: bytes, journal: str, told: _Journal, ring: Ring, link: Link) -> Entry:
    caused = told.caused.get(found.offset, [])
    key_id = header_text(found.headers, KEY_ID_HEADER) or ""
    known = ring.find(key_id)
    return Entry(
        inbox=found.topic,
        partition=found.partition,
        offset=found.offset,
        at=found.entered_at,
        what=type(value).__name__,
        key=key.decode("utf-8", "backslashreplace"),
        who=next((str(getattr(value, name)) for name in _WHO if hasattr(value, name)), ""),
        authenticated_by=str(getattr(value, "authenticated_by", "")),
        why=str(getattr(value, "reason", "")),
        journal=f"{journal}/{found.partition}",
        journal_from=caused[0][0] if caused else None,
        journal_to=caused[-1][0] if caused else None,
        events=tuple(name for _, name in caused),
        key_id=key_id,
        signed_by=known.role if known else "",
        link=link,
    )
