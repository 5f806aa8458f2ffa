"""How a record is parked: the event of it, its dead letter, and what people read of a run of such records."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import replace
from pathlib import PurePath
from typing import Any, TypeAlias

from schemas.checks.attribution import why_not_attributed
from schemas.checks.plausibility import plain_text, plausible_instant
from schemas.checks.sensitive import mask_sensitive
from schemas.records.tasks import (
    BreakerResetRequested,
    DeadLetter,
    ParkedDiscardRequested,
    ParkedReplayRequested,
    RecordParked,
)
from schemas.values.counting import counted
from schemas.wire.envelope import header_map
from streams.log.records import Inbound
from streams.tasks.batch import Outcome, Step
from streams.tasks.progress import LONGEST_ERROR, Progress

# What a person asks of a task, or the task of itself.
OperatorRequest: TypeAlias = BreakerResetRequested | ParkedDiscardRequested | ParkedReplayRequested
LONGEST_MESSAGE = 2_000
TOO_LARGE_TO_SHOW = "the record is too large for the dead letters; it lies in the inbox"


def why_refused(request: OperatorRequest) -> str:
    """Return why a request changes nothing, whoever signed it; empty when it may."""
    return why_not_attributed(request.requested_by, request.reason)


def parked_event(step: Step, key: bytes, *, behind: int | None, error: Exception, is_held: bool) -> RecordParked:
    """Return the event of a record that can't be decided, or follows one of its key."""
    return RecordParked(
        topic=step.record.topic,
        partition=step.record.partition,
        offset=step.record.offset,
        record_key=key,
        behind=behind,
        error_type=type(error).__name__,
        message=plain_text(mask_sensitive(str(error)))[:LONGEST_MESSAGE],
        stack_digest=stack_digest(error),
        is_held=is_held,
    )


def dead_letter(event: RecordParked, record: Inbound, *, task: str) -> DeadLetter:
    """Return what the dead letters keep of a parked record: the record itself, and why."""
    return DeadLetter(
        topic=event.topic,
        partition=event.partition,
        offset=event.offset,
        record_key=event.record_key,
        behind=event.behind,
        error_type=event.error_type,
        message=event.message,
        stack_digest=event.stack_digest,
        task=task,
        record_value=record.value or b"",
        record_headers=dict(header_map(record.headers)),
        received_at=plausible_instant(record.entered_at),
    )


def without_record(letter: DeadLetter) -> DeadLetter:
    """Return the letter of a record that is too large to lie in it."""
    return replace(letter, record_value=b"", record_headers={}, message=f"{letter.message} ({TOO_LARGE_TO_SHOW})")


def run_of_failures(record: Inbound, progress: Progress, error: str) -> str:
    """Return what people read while the breaker is open: how many, the first, the next, and both remedies."""
    where = f"{record.topic} {record.partition}"
    first = "" if progress.first_failed is None else "the first is {} ({}), ".format(*progress.first_failed)
    return (
        f"{counted(progress.failures, 'record')} in a row could not be decided: {first}the next is {record.offset} "
        f"({error[:LONGEST_ERROR]}); nothing of {where} goes on. Mend the cause, and it goes on by itself; "
        f"or park what is bad and go on with the rest: saldo dlq resume {where} --why ..."
    )


def first_error(outcome: Outcome[Any]) -> str:
    """Return why the record of this outcome was parked."""
    parked = (event.checked.record for event in outcome.events)
    return next(f"{event.error_type}: {event.message}" for event in parked if isinstance(event, RecordParked))


def stack_digest(error: Exception) -> str:
    """Return what tells one place of a failure from another."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [type(error).__name__, *(f"{PurePath(frame.filename).name}:{frame.name}" for frame in frames)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
