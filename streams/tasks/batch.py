"""What passes through the deciding of a batch: records read, what each leads to, and what the whole leads to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from schemas.records.tasks import RecordParked
from schemas.wire.envelope import SourcePosition
from streams.log.outbound import Checked, Outbound
from streams.log.records import Inbound
from streams.log.signing import NotSigned
from streams.tasks.progress import Progress
from streams.tasks.rules import Adopted

S = TypeVar("S")


class Stop(Exception):
    """The task cannot go on at this record; no record is at fault, so nothing is parked and the position stays."""


class BreakerOpen(Stop):
    """Too many records in a row could not be decided; the next waits for an operator, or for the cause to be mended."""


@dataclass(slots=True)
class Batch(Generic[S]):
    """What a batch leads to. `progress` and `states` hold once outputs and journal are acknowledged.

    `cuts` are lengths of outputs and journal up to which both must be durable before anything beyond is written: after
    what an effect could not do, and may well do when it is asked again after a crash. What it sends then would lie
    below what later records had sent already, and readers would drop it.
    """

    progress: Progress
    outputs: list[Outbound] = field(default_factory=list)
    journal: list[Outbound] = field(default_factory=list)
    cuts: list[tuple[int, int]] = field(default_factory=list)
    states: dict[bytes, S] = field(default_factory=dict)
    decided: int = 0
    dropped: int = 0
    parked: int = 0
    parked_because: list[str] = field(default_factory=list)
    silent: int = 0
    stop: Stop | None = None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a journal tells of parking, for whoever decides its inbox again.

    Whether a record could be decided depends on the day: on the version that ran, on what another system said. So a
    replay parks what was parked, with the reason of then, and a request releases as many records as it did.

    parked    inbox offset of a record that could not be decided, or followed one -> how it was parked
    released  inbox offset of a request -> inbox offsets of the records that it released, in order
    recorded  inbox offset of a record -> the events that performing it led to, at once or when it was released
    kept      inbox offset of a request -> how it left the first record that it could not decide, where that is new
    rules     the first adoption of each rules name on the partition, which counts for what lies before it
    """

    parked: Mapping[int, RecordParked]
    released: Mapping[int, Sequence[int]]
    recorded: Mapping[int, Sequence[Any]] = field(default_factory=dict)
    kept: Mapping[int, RecordParked] = field(default_factory=dict)
    rules: Adopted = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One record of the inbox, read; `failure` says why it can't be decided."""

    record: Inbound
    key: bytes
    value: Any = None
    failure: Exception | None = None
    # Its saldo-source; None as well where that can't be read, since no task of ours wrote it.
    position: SourcePosition | None = None
    # The record once more, where it lies beside the partition of its key.
    moved: Checked | None = None
    # Why nobody proved to have given this request; any other command that nobody gave is a failure.
    unproved: NotSigned | None = None


@dataclass(slots=True)
class Outcome(Generic[S]):
    """What one record leads to. Events and outputs come with the record that they are about, for lineage."""

    state: S | None = None
    events: list[Consequence] = field(default_factory=list)
    outputs: list[Consequence] = field(default_factory=list)
    parked: bool = False
    head: bool = False
    held: bool = False
    replayed: bool = False
    # Operator commands that were acted on or refused with this record: itself, and those that it released.
    accepted: list[Step] = field(default_factory=list)

    @property
    def depends_on_the_day(self) -> bool:
        """Whether an effect that is asked again may say something else: it could not do it, or was asked again."""
        return self.head or self.replayed


@dataclass(slots=True)
class Queue:
    """What of one key is parked, oldest first; kept up to date while its records are decided."""

    offsets: list[int]
    is_held: bool


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a record leads to, checked here and not when it is written, so that what may not be written parks it."""

    origin: Inbound
    checked: Checked
    kept: Mapping[str, bytes] | None = None
    partition: int | None = None
