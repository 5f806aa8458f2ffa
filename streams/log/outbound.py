"""What is written: the one place where a record becomes bytes with a key, a partition and headers.

A record is first *checked* (its key, its encoding, nothing sensitive in it, its size) and then *sealed* (identity,
lineage, partition, signature). `Outbound.of` does both. A task does them apart: what a check refuses parks the inbox
record that led to it, while the identity of an event is known only when its whole batch is decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas import catalog
from schemas.checks.guard import masked_header
from schemas.records import Record
from schemas.wire.codec import Codec, body_of
from schemas.wire.envelope import (
    Envelope,
    KafkaHeaders,
    SourcePosition,
    child_traceparent,
    content_event_id,
    derived_event_id,
    header_map,
    root_traceparent,
)
from streams.log.guard import refuse_sensitive
from streams.log.records import LONGEST_ID, Inbound, partition_for, refuse_too_large
from streams.log.signing import SIGNATURE_HEADER, SIGNATURE_HEADERS


class Signer(Protocol):
    """Signs what a process writes (streams/log/signing.py); the same input gives the same headers."""

    def headers(self, *, topic: str, key: bytes, type: str, event_id: str, value: bytes) -> KafkaHeaders:
        """Headers to add to a command: the id of the key, and the signature over all of this; none for other records.

        Raises: ContractBroken when this process may not give the command.
        """
        ...

    def link_headers(self, *, journal: str, source: SourcePosition, link: str) -> KafkaHeaders:
        """Headers to add to a journal record that carries a link of the chain of operator commands."""
        ...


class Destination(Protocol):
    """What building a record asks of the log that shall take it."""

    @property
    def signer(self) -> Signer | None:
        """Signs each record that is built for this log; None signs nothing."""
        ...

    def partition_count(self, topic: str) -> int:
        """Return number of partitions of a topic."""
        ...


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a record hands on to whatever it leads to: its own id, the id of the story, and the trace."""

    causation_id: str
    correlation_id: str
    traceparent: str | None

    @classmethod
    def of(cls, origin: Inbound) -> Lineage:
        """Read it from the headers of a record."""
        headers, own_id = header_map(origin.headers), origin.event_id
        story = _short_id(headers.get("saldo-correlation-id")) or own_id
        return cls(own_id, story, _text(headers.get("traceparent")))


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a task writes: the saldo-source of what is written, and the record that it is about.

    `origin` is the inbox record of the position or, in a replay of parked records, the parked one.
    """

    position: SourcePosition
    origin: Inbound
    lineage: Lineage

    @classmethod
    def of(cls, record: Inbound, index: int, origin: Inbound | None = None, *, lineage: Lineage | None = None) -> Cause:
        """Return the consequence number `index` of an inbox record; `lineage` where the origin's is at hand."""
        origin = origin or record
        position = SourcePosition(record.topic, record.partition, record.offset, index)
        return cls(position, origin, lineage or Lineage.of(origin))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """A record to append, complete. Only this module makes one (tests/unit/streams/log/test_one_door.py)."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: KafkaHeaders

    @classmethod
    def of(
        cls,
        record: Record,
        *,
        topic: str,
        source: str,
        at: datetime,
        codec: Codec,
        log: Destination,
        event_id: str | None = None,
        partition: int | None = None,
        as_written: bool = False,
        refuses_numbers: bool = False,
    ) -> Outbound:
        """Return a record that no inbox record led to, ready to append; the arguments are those of `Checked`.

        Ensures: the same arguments give the same bytes.
        Raises:  Unreadable, as Checked.of.
        """
        checked = Checked.of(record, topic=topic, codec=codec, as_written=as_written, refuses_numbers=refuses_numbers)
        return checked.sealed(source=source, at=at, log=log, event_id=event_id, partition=partition)


@dataclass(frozen=True, slots=True)
class Checked:
    """A record that its topic takes: encoded, small enough, and without a card or bank number."""

    record: Record
    topic: str
    key: bytes
    value: bytes

    @classmethod
    def of(
        cls,
        record: Record,
        *,
        topic: str,
        codec: Codec,
        key: bytes | None = None,
        as_written: bool = False,
        refuses_numbers: bool = False,
    ) -> Checked:
        """Check a record for a topic; card and bank numbers in it are masked (schemas/checks/guard.py).

        key              None takes the one that the catalogue names; a journal has the key of its inbox
        as_written          a fact that another system states: written as stated even where it can't be true
        refuses_numbers  from a person or a script: a text with a card or bank number is refused and not masked

        Raises: Unreadable naming field and remedy when the topic does not carry the type, a field does not fit, or a
                text is refused (HoldsSensitive); RecordTooLarge, which is one as well.
        """
        if refuses_numbers:
            refuse_sensitive(record)
        record = codec.guarded(record)
        if key is None:
            key = catalog.topic(topic).key_of(record)
        value = codec.encode_as_written(record) if as_written else codec.encode(record)
        return cls._proved(record, topic, key, value)

    @classmethod
    def again(cls, found: Inbound, record: Record, *, key: bytes, codec: Codec) -> Checked:
        """Return a record to be written to its own topic again, byte for byte unless a number had to be masked.

        `record` is what it says. What is signed holds no number: it was masked before.

        Raises: Unreadable, as Checked.of.
        """
        beside = sum(len(name) + len(text) for name, text in identity_of(found).items())
        what = f"{type(record).__name__} lies beside the partition of its key, and moved there it"
        value = codec.guarded_value(found.value or b"")
        return cls._proved(record, found.topic, key, value, beside, what=what)

    @classmethod
    def _proved(
        cls,
        record: Record,
        topic: str,
        key: bytes,
        value: bytes,
        beside: int = 0,
        *,
        what: str | None = None,
    ) -> Checked:
        refuse_too_large(topic, len(key) + len(value) + beside, what=what or type(record).__name__)
        return cls(record, topic, key, value)

    def sealed(
        self,
        *,
        source: str,
        at: datetime,
        log: Destination,
        cause: Cause | None = None,
        event_id: str | None = None,
        partition: int | None = None,
        more: Sequence[tuple[str, bytes]] = (),
        kept: Mapping[str, bytes] | None = None,
    ) -> Outbound:
        """Give it identity, lineage, partition and signature.

        source     who writes, "saldo/<name>"
        at         the event's own instant, never the time of writing
        cause      the inbox record that led to it; without one it begins a story
        event_id   None derives it: from the cause, else from what the record says
        partition  None takes the one of the key
        more       headers of the writer's own, behind the envelope
        kept       headers that take the place of ours: the identity of a record that is written once more
        """
        name = type(self.record).__name__
        if cause is not None:
            event_id = event_id or derived_event_id(cause.position, self.topic)
            lineage = cause.lineage
            envelope = Envelope(
                event_id=event_id,
                type=name,
                source=source,
                time=at,
                position=cause.position,
                correlation_id=lineage.correlation_id,
                causation_id=lineage.causation_id,
                traceparent=child_traceparent(lineage.traceparent, event_id),
            )
        else:
            event_id = event_id or content_event_id(name, body_of(self.value))
            begins = catalog.topic(self.topic).role == "inbox"
            envelope = Envelope(
                event_id=event_id,
                type=name,
                source=source,
                time=at,
                traceparent=root_traceparent(event_id) if begins else None,
            )
        headers = [*envelope.to_headers(), *more]
        if kept:
            headers = list({**dict(headers), **kept}.items())
        # What is written once more stays signed by whoever gave it.
        if log.signer is not None and SIGNATURE_HEADER not in (kept or ()):
            headers += log.signer.headers(
                topic=self.topic, key=self.key, type=name, event_id=event_id, value=self.value
            )
        return Outbound(
            topic=self.topic,
            partition=partition_for(self.key, log.partition_count(self.topic)) if partition is None else partition,
            key=self.key,
            value=self.value,
            headers=headers,
        )


def identity_of(found: Inbound) -> dict[str, bytes]:
    """Return the headers that a record keeps when it is written once more: who it is, and who gave it."""
    headers = header_map(found.headers).items()
    return {name: value for name, value in headers if name.startswith("ce_") or name in SIGNATURE_HEADERS}


def _short_id(header: bytes | None) -> str | None:
    given = _text(header)
    return masked_header(given) if given and len(given) <= LONGEST_ID else None


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("utf-8", "replace")
