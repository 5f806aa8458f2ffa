"""From a batch of inbox records to what must be appended because of it; changes nothing in the world by itself.

Records of one key are decided one after the other; keys are independent, so an effect may work on several at once.
What cannot be decided is parked with its reason, and parks its key: later records of that key follow it, in order,
until an operator replays or discards. A record that only has to wait (Delayed) is held: parked like any other, and its
task asks for the replay. Nothing is thrown out of here but what stops the whole task.
"""

from __future__ import annotations

import asyncio
import hashlib
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Generic, TypeVar

from schemas import catalog
from schemas.attribution import why_not_attributed
from schemas.codec import Codec
from schemas.envelope import header_map, source_position, trusted_position
from schemas.failures import ContractBroken, Delayed, SaldoError, Unavailable, Unreadable
from schemas.highwater import HighWater
from schemas.plausibility import plain_text, plausible_instant
from schemas.records.tasks import (
    DeadLetter,
    ParkedDiscardRequested,
    ParkedRecordDiscarded,
    ParkedRecordReleased,
    ParkedReplayRequested,
    PositionMarked,
    RecordParked,
)
from schemas.sensitive import mask_card_numbers
from streams.tasks.journal import JournalEntry, caused_envelope, journal_headers, note
from streams.tasks.ports import DeliveryFailed
from streams.tasks.processor import Processor
from streams.tasks.progress import Progress
from streams.tasks.records import Inbound, Outbound, RecordTooLarge, partition_for, refuse_too_large

S = TypeVar("S")
LONGEST_MESSAGE = 2_000
TOO_LARGE_TO_SHOW = "the record is too large for the dead letters; it lies in the inbox"
# A key stands twice in a parked record's journal entry. Ours have some ten bytes.
LONGEST_KEY = 1_024
POSITION_KEY = b"position"


class Stop(Exception):
    """The task cannot go on at this record; no record is at fault, so nothing is parked and the position stays."""


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
    released  inbox offset of a request -> how many records it released
    recorded  inbox offset of a record -> the events that performing it led to, at once or when it was released
    kept      inbox offset of a request -> how it left the first record that it could not decide, where that is new
    """

    parked: Mapping[int, RecordParked]
    released: Mapping[int, int]
    recorded: Mapping[int, Sequence[Any]] = field(default_factory=dict)
    kept: Mapping[int, RecordParked] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings(Generic[S]):
    """What deciding needs to know besides the records."""

    processor: Processor[S]
    partition: int
    partition_count: Callable[[str], int]
    state_of: Callable[[bytes], S]
    reread: Callable[[int], Awaitable[Inbound]]
    codec: Codec
    failures_allowed: int
    retries_allowed: int = 0
    verdicts: Verdicts | None = None


async def decide_batch(around: Surroundings[S], records: Sequence[Inbound], progress: Progress) -> Batch[S]:
    """Decide consecutive inbox records.

    Shapes:  records is (n,), offsets rising by the broker's own steps from progress.position; progress is a copy that
             the result takes over.
    Ensures: the same records, state and progress give the same bytes; when `stop` is set, everything in the result
             belongs to the records before it.
    """
    steps = [_as_it_was(around, _read(around, record)) for record in records]
    outcomes, stop_at, stop = await _run_chains(around, steps, progress)
    return _assemble(around, steps, outcomes, progress, stop_at, stop)


def mark_position(around: Surroundings[S], last: Inbound, progress: Progress) -> Outbound:
    """A journal record that says no more than how far silence reaches; `last` is a record without events.

    It repeats the marks accepted since the last event and does not end that stretch, so the events stay the same bytes
    wherever markers happen to fall.
    """
    event = PositionMarked(position=last.offset + 1)
    envelope = caused_envelope(
        last, event, task=around.processor.name, destination=around.processor.journal, index=0, origin=last
    )
    assert envelope.position is not None
    accepted = tuple(sorted(progress.unjournaled.values()))
    note(progress, [JournalEntry(b"", event, envelope.position, 1, accepted)])
    return Outbound(
        topic=around.processor.journal,
        partition=around.partition,
        key=POSITION_KEY,
        value=around.codec.encode(event),
        headers=journal_headers(envelope, 1, accepted),
    )


# -- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    record: Inbound
    key: bytes
    value: Any = None
    failure: Exception | None = None


def _read(around: Surroundings[S], record: Inbound) -> _Step:
    """Decode a record and hold its key against its content."""
    given = f"{record.topic}/{record.partition}/{record.offset}".encode()
    if record.key and len(record.key) <= LONGEST_KEY:
        given = record.key
    try:
        source_position(record.headers)
        value = around.codec.decode(record.value)
        key = catalog.topic(around.processor.inbox).key_of(value)
        if record.key is not None and record.key != key:
            raise Unreadable(
                f"the Kafka key is {_shown(record.key)} and the record says {_shown(key)}; "
                f"write {type(value).__name__} with the key that schemas/topics/{around.processor.inbox}.yaml names"
            )
        if len(key) > LONGEST_KEY:
            raise RecordTooLarge(f"the key of {type(value).__name__} has {len(key)} bytes; {LONGEST_KEY} are the most")
        if _partition_of(around, key) != around.partition:
            size = (
                len(key) + len(record.value or b"") + sum(len(name) + len(text) for name, text in _kept(record).items())
            )
            what = f"{type(value).__name__} lies beside the partition of its key, and moved there it"
            refuse_too_large(around.processor.inbox, size, what=what)
    except (SaldoError, ValueError) as error:
        return _Step(record, given, failure=error)
    return _Step(record, key, value)


def _as_it_was(around: Surroundings[S], step: _Step) -> _Step:
    """In a replay, what was parked then is of the key that it was parked under, though it may be readable today."""
    parked = around.verdicts and around.verdicts.parked.get(step.record.offset)
    if not parked:
        return step
    return _Step(step.record, parked.record_key, failure=step.failure or Unreadable("parked when it was decided"))


# -- chains --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Outcome(Generic[S]):
    """What one record leads to. Events and outputs come with the record that they are about, for lineage."""

    state: S | None = None
    events: list[_Event] = field(default_factory=list)
    outputs: list[_Output] = field(default_factory=list)
    parked: bool = False
    head: bool = False
    held: bool = False
    replayed: bool = False

    @property
    def depends_on_the_day(self) -> bool:
        """Whether an effect that is asked again may say something else: it could not do it, or was asked again."""
        return self.head or self.replayed


@dataclass(slots=True)
class _Queue:
    """What of one key is parked, oldest first; kept up to date while its records are decided."""

    offsets: list[int]
    is_held: bool


@dataclass(frozen=True, slots=True)
class _Event:
    origin: Inbound
    record: Any
    value: bytes


@dataclass(frozen=True, slots=True)
class _Output:
    topic: str
    origin: Inbound
    record: Any
    key: bytes
    value: bytes


def _event(around: Surroundings[S], origin: Inbound, record: Any) -> _Event:
    """Encoded here and not when it is written, so that what fits neither schema nor topic parks its cause."""
    value = around.codec.encode(record)
    refuse_too_large(around.processor.journal, len(value), what=f"its {type(record).__name__}")
    return _Event(origin, record, value)


def _output(around: Surroundings[S], topic: str, origin: Inbound, record: Any) -> _Output:
    key, value = catalog.topic(topic).key_of(record), around.codec.encode(record)
    refuse_too_large(topic, len(key) + len(value), what=f"its {type(record).__name__}")
    return _Output(topic, origin, record, key, value)


async def _run_chains(
    around: Surroundings[S], steps: Sequence[_Step], progress: Progress
) -> tuple[dict[int, _Outcome[S]], int | None, Stop | None]:
    fresh = HighWater(progress.upstream.marks.values())
    chains: dict[bytes, list[_Step]] = {}
    for step in steps:
        if fresh.accept(trusted_position(step.record.headers)) and not _misplaced(around, step):
            chains.setdefault(step.key, []).append(step)
    outcomes: dict[int, _Outcome[S]] = {}
    stops: list[tuple[int, Stop]] = []
    gate = asyncio.Semaphore(around.processor.concurrency)

    async def run(key: bytes, chain: list[_Step]) -> None:
        async with gate:
            state = around.state_of(key)
            queue = _Queue(list(progress.parked.get(key, ())), key in progress.held)
            for step in chain:
                try:
                    outcome = await _decide(around, step, state, queue)
                except Stop as stop:
                    stops.append((step.record.offset, stop))
                    return
                outcomes[step.record.offset] = outcome
                state = state if outcome.state is None else outcome.state

    await asyncio.gather(*(run(key, chain) for key, chain in chains.items()))
    stop_at, stop = min(stops, key=lambda pair: pair[0]) if stops else (None, None)
    return outcomes, stop_at, stop


async def _decide(around: Surroundings[S], step: _Step, state: S, queue: _Queue) -> _Outcome[S]:
    """One record in the state of its key."""
    recorded = None if around.verdicts is None else around.verdicts.parked.get(step.record.offset)
    first = queue.offsets[0] if queue.offsets else None
    outcome: _Outcome[S] = _Outcome()
    if isinstance(step.value, ParkedReplayRequested | ParkedDiscardRequested):
        missing = why_not_attributed(step.value.requested_by, step.value.reason)
        if not missing and isinstance(step.value, ParkedReplayRequested):
            return await _replay(around, step, step.value, state, queue)
        if not missing and isinstance(step.value, ParkedDiscardRequested):
            return _discard(around, step, step.value, queue)
        if first is not None:  # with nothing parked a request changes nothing, and must not stop its key
            _park(around, step, outcome, behind=first, error=Unreadable(f"refused: {missing}"))
    elif recorded is not None:
        _park_as(around, step, outcome, recorded)
    elif first is not None:
        _park(around, step, outcome, behind=first, error=Unreadable(f"follows parked record {first} of its key"))
    elif step.failure is not None:
        _park(around, step, outcome, behind=None, error=step.failure)
    else:
        error = await _apply(around, step, state, outcome)
        if error is not None:
            outcome = _Outcome()
            _park(around, step, outcome, behind=None, error=error)
    if outcome.parked:
        queue.offsets.append(step.record.offset)
        if outcome.head:
            queue.is_held = outcome.held
    return outcome


async def _apply(
    around: Surroundings[S], step: _Step, state: S, outcome: _Outcome[S], checked: str | None = None
) -> Exception | None:
    """Decide one readable record into the outcome; returns what went wrong, if it is the record's own fault."""
    processor = around.processor
    try:
        events = await _events(around, step, state, checked)
        for event in events:
            state = processor.evolve(state, event)
            outcome.events.append(_event(around, step.record, event))
            outcome.outputs += [
                _output(around, routed.topic, step.record, routed.record) for routed in processor.route(state, event)
            ]
        if events:
            outcome.state = state
    except DeliveryFailed:
        raise  # an effect's own append: whether it is there is unknown, so the process ends, as with every other one
    except (Unavailable, ContractBroken) as error:
        raise Stop(f"{type(error).__name__}: {mask_card_numbers(str(error))}") from error
    except Exception as error:
        return error
    return None


async def _events(around: Surroundings[S], step: _Step, state: S, checked: str | None) -> Sequence[Any]:
    """What follows from a record; where a journal is retold, what performing this very record led to.

    Two records may be about one posting reference, so nothing but the record's own place says which event is whose.
    """
    recall = around.processor.recall
    if around.verdicts is None or recall is None:
        return await around.processor.events(state, step.value, checked)
    return await recall(around.verdicts.recorded.get(step.record.offset, ()))(state, step.value)


async def _replay(
    around: Surroundings[S], asked: _Step, request: ParkedReplayRequested, state: S, queue: _Queue
) -> _Outcome[S]:
    """Decide the key's parked records again, oldest first, up to the first that still fails.

    The task's own request is for a key that it holds, and says nothing about one that a person has to decide. How the
    first that fails is left is journaled where a held key is concerned: held on, or for a person from now on.
    A record that could not be read when it was parked may turn out to belong to another key, or to another partition:
    it is written to the inbox once more, where records of its key are decided.
    """
    outcome: _Outcome[S] = _Outcome(replayed=bool(queue.offsets))
    parked, verdicts = queue.offsets, around.verdicts
    if request.retry and not queue.is_held:
        return outcome
    left = len(parked) if verdicts is None else verdicts.released.get(asked.record.offset, 0)
    first, failed = parked[0] if parked else None, None
    while parked and left > 0:
        left -= 1
        step = _read(around, await around.reread(parked[0]))
        if step.failure is not None:
            failed = step.failure
            break
        if isinstance(step.value, ParkedReplayRequested | ParkedDiscardRequested):
            pass  # a request that was refused for want of a name or reason; it stays refused
        elif step.key != request.record_key or _misplaced(around, step):
            try:
                outcome.outputs.append(_output(around, around.processor.inbox, step.record, step.value))
            except RecordTooLarge as error:
                failed = error
                break
        else:
            attempt: _Outcome[S] = _Outcome()
            failed = await _apply(around, step, state, attempt, None if request.retry else _asked_by(asked, request))
            if failed is not None:
                break
            state = state if attempt.state is None else attempt.state
            outcome.state = state
            outcome.events += attempt.events
            outcome.outputs += attempt.outputs
        released = ParkedRecordReleased(
            topic=step.record.topic,
            partition=step.record.partition,
            offset=parked.pop(0),
            record_key=request.record_key,
            requested_by=request.requested_by,
            authenticated_by=request.authenticated_by,
            approved_by=request.approved_by,
        )
        outcome.events.append(_event(around, step.record, released))
    kept = None
    if verdicts is not None:
        kept = verdicts.kept.get(asked.record.offset)
    elif failed is not None:
        held = isinstance(failed, Delayed) and request.retry < around.retries_allowed
        if held != queue.is_held or (held and parked[0] != first):
            kept = _parked_event(step, request.record_key, behind=None, error=failed, is_held=held)
    if kept is not None:
        queue.is_held = kept.is_held
        outcome.events.append(_event(around, await around.reread(kept.offset), kept))
    return outcome


def _asked_by(asked: _Step, request: ParkedReplayRequested) -> str:
    """A person's replay by where it lies in the inbox: the same at each attempt, and no other's."""
    return f"{asked.record.topic}/{asked.record.partition}/{asked.record.offset} ({request.requested_by})"


def _discard(around: Surroundings[S], step: _Step, request: ParkedDiscardRequested, queue: _Queue) -> _Outcome[S]:
    """Give up one parked record; a request for one that is not parked changes nothing."""
    outcome: _Outcome[S] = _Outcome()
    if request.offset in queue.offsets:
        queue.offsets.remove(request.offset)
        event = ParkedRecordDiscarded(
            topic=step.record.topic,
            partition=step.record.partition,
            offset=request.offset,
            record_key=request.record_key,
            requested_by=request.requested_by,
            authenticated_by=request.authenticated_by,
            approved_by=request.approved_by,
            reason=request.reason,
        )
        outcome.events.append(_event(around, step.record, event))
    return outcome


def _park(around: Surroundings[S], step: _Step, outcome: _Outcome[S], *, behind: int | None, error: Exception) -> None:
    held = isinstance(error, Delayed) and around.retries_allowed > 0
    _park_as(around, step, outcome, _parked_event(step, step.key, behind=behind, error=error, is_held=held))


def _parked_event(step: _Step, key: bytes, *, behind: int | None, error: Exception, is_held: bool) -> RecordParked:
    return RecordParked(
        topic=step.record.topic,
        partition=step.record.partition,
        offset=step.record.offset,
        record_key=key,
        behind=behind,
        error_type=type(error).__name__,
        message=plain_text(mask_card_numbers(str(error)))[:LONGEST_MESSAGE],
        stack_digest=_stack_digest(error),
        is_held=is_held,
    )


def _park_as(around: Surroundings[S], step: _Step, outcome: _Outcome[S], event: RecordParked) -> None:
    record = step.record
    letter = DeadLetter(
        topic=event.topic,
        partition=event.partition,
        offset=event.offset,
        record_key=event.record_key,
        behind=event.behind,
        error_type=event.error_type,
        message=event.message,
        stack_digest=event.stack_digest,
        task=around.processor.name,
        record_value=record.value or b"",
        record_headers=dict(header_map(record.headers)),
        received_at=plausible_instant(record.entered_at),
    )
    dlq = catalog.topic(around.processor.inbox).dlq
    assert dlq is not None, f"{around.processor.inbox} names no dlq; tests/catalog sees to it"
    outcome.parked, outcome.head, outcome.held = True, event.behind is None, event.is_held
    outcome.events.append(_event(around, record, event))
    try:
        outcome.outputs.append(_output(around, dlq, record, letter))
    except RecordTooLarge:
        # Only where the inbox takes more than schemas/topics says. The record itself stays in the inbox for ever.
        bare = replace(letter, record_value=b"", record_headers={}, message=f"{letter.message} ({TOO_LARGE_TO_SHOW})")
        outcome.outputs.append(_output(around, dlq, record, bare))


# -- assembling ----------------------------------------------------------------------------------------------------


def _assemble(
    around: Surroundings[S],
    steps: Sequence[_Step],
    outcomes: dict[int, _Outcome[S]],
    progress: Progress,
    stop_at: int | None,
    stop: Stop | None,
) -> Batch[S]:
    batch: Batch[S] = Batch(progress, stop=stop)
    for step in steps:
        record = step.record
        if stop_at is not None and record.offset >= stop_at:
            break
        if not progress.accept(trusted_position(record.headers)):
            batch.dropped += 1
        elif _misplaced(around, step):
            batch.outputs.append(_rerouted(around, step))
        else:
            outcome = outcomes[record.offset]
            if outcome.head and progress.failures >= around.failures_allowed:
                batch.stop = Stop(
                    f"{progress.failures} records in a row could not be decided, and "
                    f"{record.topic}/{record.partition}/{record.offset} would be the next ({_first_error(outcome)}); "
                    "mend the cause, the task goes on by itself"
                )
                break
            _write(around, record, step.key, outcome, progress, batch)
            if outcome.state is not None:
                batch.states[step.key] = outcome.state
            batch.parked += outcome.parked
            if outcome.head:
                batch.parked_because.append(f"{record.partition}/{record.offset}: {_first_error(outcome)}")
            batch.silent = 0 if outcome.events else batch.silent + 1
        progress.position = record.offset + 1
        batch.decided += 1
        came = outcomes.get(record.offset)
        if around.processor.is_effect and came is not None and came.depends_on_the_day:
            if not came.events:
                batch.journal.append(mark_position(around, record, progress))
                batch.silent = 0
            batch.cuts.append((len(batch.outputs), len(batch.journal)))
    return batch


def _write(
    around: Surroundings[S], record: Inbound, key: bytes, outcome: _Outcome[S], progress: Progress, batch: Batch[S]
) -> None:
    """Journal records and outputs of one inbox record, and the progress that goes with them."""
    processor = around.processor
    entries: list[JournalEntry] = []
    for index, event in enumerate(outcome.events):
        envelope = caused_envelope(
            record, event.record, task=processor.name, destination=processor.journal, index=index, origin=event.origin
        )
        assert envelope.position is not None
        accepted = tuple(sorted(progress.unjournaled.values())) if index == 0 else ()
        entries.append(JournalEntry(key, event.record, envelope.position, len(outcome.events), accepted))
        batch.journal.append(
            Outbound(
                topic=processor.journal,
                partition=around.partition,
                key=key,
                value=event.value,
                headers=journal_headers(envelope, len(outcome.events), accepted),
            )
        )
    if entries:
        note(progress, entries)
    for index, output in enumerate(outcome.outputs):
        envelope = caused_envelope(
            record, output.record, task=processor.name, destination=output.topic, index=index, origin=output.origin
        )
        batch.outputs.append(
            Outbound(
                topic=output.topic,
                partition=partition_for(output.key, around.partition_count(output.topic)),
                key=output.key,
                value=output.value,
                headers=envelope.to_headers(),
            )
        )


def _misplaced(around: Surroundings[S], step: _Step) -> bool:
    """A readable record on a partition that is not its key's: a producer chose by another rule, or gave no key.

    An operator's request stays where it is: it speaks to the task that parked the record, wherever that one lies.
    """
    if step.failure is not None or isinstance(step.value, ParkedReplayRequested | ParkedDiscardRequested):
        return False
    return _partition_of(around, step.key) != around.partition


def _partition_of(around: Surroundings[S], key: bytes) -> int:
    return partition_for(key, around.partition_count(around.processor.inbox))


def _rerouted(around: Surroundings[S], step: _Step) -> Outbound:
    """The same record once more, on the partition where all records of its key are decided."""
    record, inbox = step.record, around.processor.inbox
    envelope = caused_envelope(
        record, step.value, task=around.processor.name, destination=inbox, index=0, origin=record
    )
    own = dict(envelope.to_headers())
    kept = _kept(record)
    return Outbound(
        topic=inbox,
        partition=partition_for(step.key, around.partition_count(inbox)),
        key=step.key,
        value=record.value or b"",
        headers=list({**own, **kept}.items()),
    )


def _kept(record: Inbound) -> dict[str, bytes]:
    """The headers that a record keeps when it is written once more: its own identity."""
    return {name: value for name, value in header_map(record.headers).items() if name.startswith("ce_")}


def _first_error(outcome: _Outcome[Any]) -> str:
    return next(
        f"{event.record.error_type}: {event.record.message}"
        for event in outcome.events
        if isinstance(event.record, RecordParked)
    )


def _stack_digest(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [type(error).__name__, *(f"{PurePath(frame.filename).name}:{frame.name}" for frame in frames)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _shown(key: bytes) -> str:
    return repr(mask_card_numbers(key[:60].decode("utf-8", "replace")))
