"""Records of the task layer: positions, parked records and the operator's word on them.

Field for field like schemas/avro/tasks/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMarked:
    """Everything below position was decided; written when a stretch of the inbox produced no events."""

    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordParked:
    """An inbox record could not be decided, or follows one of its key that could not."""

    topic: str
    partition: int
    offset: int
    record_key: bytes
    behind: int | None = None
    error_type: str
    message: str
    stack_digest: str
    is_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedReplayRequested:
    """Operator command: decide the parked records of this key again, in order. Key: that key."""

    record_key: bytes
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    requested_at: datetime
    retry: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedDiscardRequested:
    """Operator command: give up one parked record. Key: its key."""

    record_key: bytes
    offset: int
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerResetRequested:
    """Operator command: park the bad records before it as single ones are parked. Key: the first of them."""

    record_key: bytes
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerReset:
    """The count of bad records in a row began anew, at an operator's command."""

    topic: str
    partition: int
    offset: int
    record_key: bytes
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedRecordReleased:
    """A parked record was decided at last, at this operator's request."""

    topic: str
    partition: int
    offset: int
    record_key: bytes
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedRecordDiscarded:
    """A parked record was given up, by whom and why."""

    topic: str
    partition: int
    offset: int
    record_key: bytes
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """The record that could not be decided, whole, with where and why."""

    topic: str
    partition: int
    offset: int
    task: str
    record_key: bytes
    record_value: bytes
    record_headers: Mapping[str, bytes]
    behind: int | None = None
    error_type: str
    message: str
    stack_digest: str
    received_at: datetime
