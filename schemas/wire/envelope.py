"""What travels beside a record: Kafka headers in CloudEvents binary mode, and the coordinates that make it unique.

A reader that wants each record once needs two headers:

- `ce_id`, the event id: a source derives it from content, a task from the causing inbox record. Equal id, equal event.
- `saldo-source`, `topic/partition/offset/index`: the inbox record that caused this one, and its number among what that
  caused. Per source partition it only rises, so whoever remembers the highest one accepted can drop every repeat.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

KafkaHeaders = Sequence[tuple[str, bytes]]

_SPEC_VERSION = ("ce_specversion", b"1.0")
_CONTENT_TYPE = ("content-type", b"application/avro")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
# Kafka's longest topic name has 249 characters; what is longer comes from a stranger and is carried nowhere.
_LONGEST_POSITION = 300


@dataclass(frozen=True, slots=True, order=True)
class SourcePosition:
    """The inbox record that caused a record, and the index among what it caused. Sorts by offset, then index."""

    topic: str
    partition: int
    offset: int
    index: int

    def __str__(self) -> str:
        """Header form: topic/partition/offset/index."""
        return f"{self.topic}/{self.partition}/{self.offset}/{self.index}"

    @property
    def lane(self) -> tuple[str, int]:
        """The stretch within which positions only rise."""
        return (self.topic, self.partition)

    @property
    def rank(self) -> tuple[int, int]:
        """What rises along the lane."""
        return (self.offset, self.index)

    @classmethod
    def parse(cls, text: str) -> SourcePosition:
        """Read the header form; raises ValueError naming the text when it is not one."""
        parts = text.rsplit("/", 3) if len(text) <= _LONGEST_POSITION else []
        if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts[1:]):
            raise ValueError(f"saldo-source must be topic/partition/offset/index, got {text[:120]!r}")
        return cls(parts[0], int(parts[1]), int(parts[2]), int(parts[3]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Identity and lineage of one record.

    Units: time is an aware UTC instant, the event's own time (never the time of writing, so a replay writes the same).
    """

    event_id: str
    type: str
    source: str
    time: datetime
    position: SourcePosition | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Kafka headers, CloudEvents binary mode, in a fixed order (so equal envelopes are equal bytes)."""
        headers = [
            _SPEC_VERSION,
            ("ce_id", self.event_id.encode()),
            _constant("ce_type", self.type),
            _constant("ce_source", self.source),
            ("ce_time", format_time(self.time).encode()),
            _CONTENT_TYPE,
        ]
        if self.position is not None:
            headers.append(("saldo-source", str(self.position).encode()))
        if self.correlation_id is not None:
            headers.append(("saldo-correlation-id", self.correlation_id.encode()))
        if self.causation_id is not None:
            headers.append(("saldo-causation-id", self.causation_id.encode()))
        if self.traceparent is not None:
            headers.append(("traceparent", self.traceparent.encode()))
        return headers


@lru_cache(maxsize=1_000)
def _constant(name: str, value: str) -> tuple[str, bytes]:
    """Return a header whose values are few: types of records and names of agents."""
    return name, value.encode()


def source_position(headers: KafkaHeaders | None) -> SourcePosition | None:
    """Return the saldo-source of a record; None when a source or a foreign producer wrote it.

    Raises: ValueError when the header is there and cannot be read.
    """
    value = header_map(headers).get("saldo-source")
    return None if value is None else SourcePosition.parse(value.decode("utf-8", "replace"))


def trusted_position(headers: KafkaHeaders | None) -> SourcePosition | None:
    """Return the saldo-source of a record, None as well when it can't be read: no task of ours wrote that one."""
    try:
        return source_position(headers)
    except ValueError:
        return None


def header_map(headers: KafkaHeaders | None) -> Mapping[str, bytes]:
    """Headers by name; the last one wins where a name stands twice, as Kafka's clients read them."""
    return {name: value for name, value in headers or () if value is not None}


def header_text(headers: KafkaHeaders | None, name: str) -> str | None:
    """Return one header as text, None when absent."""
    value = header_map(headers).get(name)
    return None if value is None else value.decode("utf-8", "replace")


def derived_event_id(position: SourcePosition, destination: str) -> str:
    """Event id of what a task writes to a topic: a digest of both, so a repeat carries the same id."""
    return hashlib.sha256(f"{position}>{destination}".encode()).hexdigest()[:32]


def content_event_id(kind: str, content: bytes) -> str:
    """Event id of what a source tells: a digest of its content, so any number of observations is one event."""
    return hashlib.sha256(kind.encode() + b"\0" + content).hexdigest()[:32]


def child_traceparent(parent: str | None, event_id: str) -> str | None:
    """W3C trace context for what was caused: same trace, a span id derived from the event id (deterministic)."""
    if parent is None or not _TRACEPARENT.fullmatch(parent):
        return None
    version, trace_id, _, flags = parent.split("-")
    return f"{version}-{trace_id}-{hashlib.sha256(event_id.encode()).hexdigest()[:16]}-{flags}"


def root_traceparent(event_id: str) -> str:
    """Trace context of a record that begins a story: derived from its event id, so a repeat is the same trace."""
    digest = hashlib.sha256(event_id.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01"


def format_time(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds; raises ValueError on a naive instant."""
    if instant.tzinfo is None:
        raise ValueError(f"instants are aware and in UTC, got naive {instant!r}")
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"
