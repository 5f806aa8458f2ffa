"""What is read: bytes with coordinates, not yet a dataclass; and what a topic and a partition take."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas import catalog
from schemas.checks.guard import masked_header
from schemas.checks.plausibility import UNKNOWN_INSTANT
from schemas.failures import Unreadable
from schemas.wire.envelope import KafkaHeaders, header_text

# An id that is longer is a stranger's text; it goes into the headers of all that follows, so it is not taken over.
LONGEST_ID = 256


class RecordTooLarge(Unreadable):
    """What would have to be written does not fit its topic; the record that caused it is at fault, and nobody else."""


def refuse_too_large(topic: str, size: int, *, what: str) -> None:
    """Raise RecordTooLarge, naming sizes and remedy, when a topic of ours would not take that many bytes.

    Asked before anything is produced: a record that the broker refuses ends the producer, and with it the process.
    Units: size is that of key and value together, in bytes.
    """
    room = catalog.room_bytes(topic)
    if size > room:
        raise RecordTooLarge(f"{what} would have {size} bytes and {topic} takes {room}; shorten its texts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A record as read from the broker.

    Units: timestamp_ms is milliseconds since the epoch; is_broker_time says whether the broker set it, as inboxes have
           it (LogAppendTime), or whoever wrote the record.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: KafkaHeaders
    timestamp_ms: int
    is_broker_time: bool = True

    @property
    def event_id(self) -> str:
        """The event id that it carries, or one derived from its coordinates when a foreign producer gave none."""
        given = header_text(self.headers, "ce_id")
        if given and len(given) <= LONGEST_ID:
            return masked_header(given)
        return hashlib.sha256(f"{self.topic}/{self.partition}/{self.offset}".encode()).hexdigest()[:32]

    @property
    def entered_at(self) -> datetime:
        """When the broker took it, an aware UTC instant; the same at each reading.

        A producer may state any time as the broker's own; one that no calendar holds is the unknown instant.
        """
        try:
            return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return UNKNOWN_INSTANT


def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition of a key: CRC-32 modulo their number.

    The same as librdkafka's `consistent` partitioner, hence of every plain confluent-kafka producer (Python, Go, C#,
    Node). A Java producer chooses otherwise; its records are moved to the right partition by the task that meets them.
    """
    return zlib.crc32(key) % partitions
