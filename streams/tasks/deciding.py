"""From a batch of inbox records to what must be appended because of it; changes nothing in the world by itself.

Records of one key are decided one after the other; keys are independent, so an effect may work on several at once.
What cannot be decided is parked with its reason, and parks its key: later records of that key follow it, in order,
until an operator replays or discards; a processor whose records have no order parks the record alone. A record that
only has to wait (Delayed) is held: parked like any other, and its task asks for the replay. Nothing is thrown out of
here but what stops the whole task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from schemas import catalog
from schemas.checks.guard import masked_key
from schemas.checks.sensitive import mask_sensitive
from schemas.failures import ContractBroken, Delayed, SaldoError, Unavailable, Unreadable
from schemas.operator_commands import is_operator_command
from schemas.records import Record
from schemas.records.by_topic import TaskRequests
from schemas.records.tasks import (
    BreakerReset,
    BreakerResetRequested,
    ParkedDiscardRequested,
    ParkedRecordDiscarded,
    ParkedRecordReleased,
    ParkedReplayRequested,
    PositionMarked,
    RecordParked,
    RulesAdopted,
)
from schemas.wire.codec import Codec
from schemas.wire.envelope import KafkaHeaders, header_text, source_position
from schemas.wire.highwater import HighWater
from streams.log.chain import Link
from streams.log.outbound import Cause, Checked, Destination, Lineage, Outbound, identity_of
from streams.log.ports import DeliveryFailed
from streams.log.records import Inbound, RecordTooLarge, partition_for
from streams.log.signing import NotSigned, Ring, prove, prove_approval
from streams.tasks.batch import Batch, BreakerOpen, Consequence, Outcome, Queue, Step, Stop, Verdicts
from streams.tasks.journal import JournalEntry, instant_of, journal_headers, note
from streams.tasks.parking import (
    OperatorRequest,
    dead_letter,
    first_error,
    parked_event,
    run_of_failures,
    why_refused,
    without_record,
)
from streams.tasks.processor import Effect, Processor
from streams.tasks.progress import Progress
from streams.tasks.rules import Adopted, takes_the_place

logger = logging.getLogger(__name__)
S = TypeVar("S")
# A key stands twice in a parked record's journal entry. Ours have some ten bytes.
LONGEST_KEY = 1_024
# Keys of a batch that are decided before acknowledgements, heartbeats and other tasks get their turn.
LET_OTHERS_ON_EVERY = 50
POSITION_KEY = b"position"


@dataclass(frozen=True, slots=True)
class BatchDecider(Generic[S]):
    """Decides batches of one task: what it needs besides the records, and what it does with them."""

    processor: Processor[S, Any, Any]
    partition: int
    log: Destination
    state_of: Callable[[bytes], S]
    reread: Callable[[int], Awaitable[Inbound]]
    codec: Codec
    ring: Ring
    failures_allowed: int
    retries_allowed: int = 0
    verdicts: Verdicts | None = None

    async def decide_batch(
        self,
        records: Sequence[Inbound],
        progress: Progress,
        *,
        reset_at: int = 0,
        rules_ahead: Adopted = MappingProxyType({}),
    ) -> Batch[S]:
        """Decide consecutive inbox records.

        `reset_at` is the inbox offset of an operator's command below which any number of bad records is parked.
        `rules_ahead` are the first adoptions of rules names of which progress holds none.

        Shapes:  records is (n,), offsets rising by the broker's own steps from progress.position; progress is a copy
                 that the result takes over.
        Ensures: the same records, state and progress give the same bytes; when `stop` is set, everything in the result
                 belongs to the records before it.
        """
        steps = [self._as_it_was(self._read(record)) for record in records]
        outcomes, stop_at, stop = await self._run_chains(steps, progress, rules_ahead)
        return self._assemble(steps, outcomes, progress, stop_at, stop, reset_at)

    def mark_position(self, last: Inbound, progress: Progress) -> Outbound:
        """Return a journal record that says no more than how far silence reaches; `last` is a record without events.

        It repeats the marks accepted since the last event and does not end that stretch, so the events stay the same
        bytes wherever markers happen to fall.
        """
        event = PositionMarked(position=last.offset + 1)
        cause = Cause.of(last, 0)
        accepted = tuple(sorted(progress.unjournaled.values()))
        link = _unreported(progress)
        note(progress, [JournalEntry(b"", event, cause.position, 1, accepted, link)])
        checked = Checked.of(event, topic=self.processor.journal, codec=self.codec, key=POSITION_KEY)
        more = [*journal_headers(1, accepted, link), *self._link_signature(cause, link)]
        return self._sealed(checked, cause, partition=self.partition, more=more)

    def is_reset(self, record: Inbound) -> bool:
        """Return whether a record is an operator's proved command, with a reason, that ends a run of bad records."""
        name = BreakerResetRequested.__name__
        if (
            header_text(record.headers, "ce_type") or name
        ) != name:  # what says that it is something else is not decoded
            return False
        step = self._read(record)
        return (
            isinstance(step.value, BreakerResetRequested)
            and step.failure is None
            and step.unproved is None
            and not why_refused(step.value)
        )

    # -- reading ------------------------------------------------------------------------------------------------------

    def _read(self, record: Inbound) -> Step:
        """Decode a record and hold its key against its content; both are masked from here on."""
        given = f"{record.topic}/{record.partition}/{record.offset}".encode()
        key_given = masked_key(record.key)
        if key_given and len(key_given) <= LONGEST_KEY:
            given = key_given
        position = None
        try:
            position = source_position(record.headers)
            value = self.codec.decode(record.value)
            key = catalog.topic(self.processor.inbox).key_of(value)
            if key_given is not None and key_given != key:
                raise Unreadable(
                    f"the Kafka key is {_shown(key_given)} and the record says {_shown(key)}; "
                    f"write {type(value).__name__} with the key that schemas/topics/{self.processor.inbox}.yaml names"
                )
            if len(key) > LONGEST_KEY:
                raise RecordTooLarge(
                    f"the key of {type(value).__name__} has {len(key)} bytes; {LONGEST_KEY} are the most"
                )
            moved = None
            # A producer chose by another rule, or gave no key. An operator's request stays where it is: it speaks to
            # the task that parked the record, wherever that one lies.
            is_request = isinstance(value, TaskRequests)
            if not is_request and self._partition_of(key) != self.partition:
                moved = Checked.again(record, value, key=key, codec=self.codec)
            unproved = None
            try:
                giver = prove(self.ring, record, type=type(value).__name__, key=key)
                prove_approval(record.topic, value, giver)
            except NotSigned as error:
                if not is_request:
                    raise
                unproved = error
        except (SaldoError, ValueError) as error:
            return Step(record, given, failure=error, position=position)
        return Step(record, key, value, position=position, moved=moved, unproved=unproved)

    def _as_it_was(self, step: Step) -> Step:
        """Keep what was parked then, in a replay, under the key of then, though it may be readable today."""
        parked = self.verdicts and self.verdicts.parked.get(step.record.offset)
        if not parked:
            return step
        failure = step.failure or Unreadable("parked when it was decided")
        value = None if isinstance(step.value, RulesAdopted | TaskRequests) else step.value
        return Step(step.record, parked.record_key, value, failure=failure, position=step.position)

    def _partition_of(self, key: bytes) -> int:
        return partition_for(key, self.log.partition_count(self.processor.inbox))

    # -- one key after the other --------------------------------------------------------------------------------------

    async def _run_chains(
        self, steps: Sequence[Step], progress: Progress, rules_ahead: Adopted
    ) -> tuple[dict[int, Outcome[S]], int | None, Stop | None]:
        fresh = HighWater(progress.upstream.marks.values())
        chains: dict[bytes, list[tuple[Step, Adopted]]] = {}
        adopted: Adopted = progress.rules
        for step in steps:
            if fresh.accept(step.position) and step.moved is None:
                if (newer := _adoption(step)) is not None and takes_the_place(newer, adopted):
                    adopted = {**adopted, newer.rules_name: newer}
                chains.setdefault(step.key, []).append((step, {**rules_ahead, **adopted}))
        outcomes: dict[int, Outcome[S]] = {}
        stops: list[tuple[int, Stop]] = []
        gate = asyncio.Semaphore(self.processor.concurrency)

        async def run(key: bytes, chain: list[tuple[Step, Adopted]]) -> None:
            state = self.state_of(key)
            queue = Queue(list(progress.parked.get(key, ())), key in progress.held)
            for step, rules in chain:
                try:
                    outcome = await self._decide(step, state, queue, rules)
                except Stop as stop:
                    stops.append((step.record.offset, stop))
                    return
                outcomes[step.record.offset] = outcome
                state = state if outcome.state is None else outcome.state

        async def run_beside_others(key: bytes, chain: list[tuple[Step, Adopted]]) -> None:
            async with gate:
                await run(key, chain)

        if self.processor.concurrency == 1:
            for number, (key, chain) in enumerate(chains.items()):
                if number % LET_OTHERS_ON_EVERY == 0:  # a decider never waits by itself
                    await asyncio.sleep(0)
                await run(key, chain)
        else:
            await asyncio.gather(*(run_beside_others(key, chain) for key, chain in chains.items()))
        stop_at, stop = min(stops, key=lambda pair: pair[0]) if stops else (None, None)
        return outcomes, stop_at, stop

    async def _decide(self, step: Step, state: S, queue: Queue, rules: Adopted) -> Outcome[S]:
        """One record in the state of its key, by the rules in force where it lies."""
        if isinstance(step.value, RulesAdopted):
            return self._adopt(step, step.value, rules)
        recorded = None if self.verdicts is None else self.verdicts.parked.get(step.record.offset)
        first = queue.offsets[0] if queue.offsets else None
        outcome: Outcome[S] = Outcome()
        if isinstance(step.value, OperatorRequest):
            missing = str(step.unproved or "") or why_refused(step.value)
            if not missing and isinstance(step.value, ParkedReplayRequested):
                return await self._replay(step, step.value, state, queue, rules)
            if not missing and isinstance(step.value, ParkedDiscardRequested):
                return await self._discard(step, step.value, queue)
            if not missing and isinstance(step.value, BreakerResetRequested):
                return self._reset(step, step.value)
            if first is not None:  # with nothing parked a request changes nothing, and must not stop its key
                self._park(step, outcome, behind=first, error=step.unproved or Unreadable(f"refused: {missing}"))
            elif step.unproved is not None:
                where = f"{step.record.topic}/{step.record.partition}/{step.record.offset}"
                logger.warning("forged request ignored", extra={"at": where, "reason": missing})
        elif recorded is not None:
            self._park_as(step, outcome, recorded)
        elif first is not None and not self.processor.is_order_free:
            self._park(step, outcome, behind=first, error=Unreadable(f"follows parked record {first} of its key"))
        elif step.failure is not None:
            self._park(step, outcome, behind=None, error=step.failure)
        else:
            error = await self._apply(step, state, outcome, rules)
            if error is not None:
                outcome = Outcome()
                self._park(step, outcome, behind=None, error=error)
            elif _is_operator_command(step):
                outcome.accepted.append(step)
        if outcome.parked:
            queue.offsets.append(step.record.offset)
            if outcome.head:
                queue.is_held = outcome.held
        return outcome

    async def _apply(
        self,
        step: Step,
        state: S,
        outcome: Outcome[S],
        rules: Adopted,
        checked: str | None = None,
    ) -> Exception | None:
        """Decide one readable record into the outcome; returns what went wrong, if it is the record's own fault."""
        processor, policy = self.processor, self._policy(rules)
        try:
            events = await self._events(step, state, checked, policy)
            for event in map(self.codec.guarded, events):  # a state holds what its journal holds, and no more
                state = processor.evolve(state, event)
                outcome.events.append(self._event(step, step.record, event))
                outcome.outputs += [
                    self._output(routed.topic, step.record, routed.record, routed.partition)
                    for routed in processor.route(state, event)
                ]
            if events:
                outcome.state = state
        except DeliveryFailed:
            raise  # an effect's own append: whether it is there is unknown, so the process ends
        except (Unavailable, ContractBroken) as error:
            raise Stop(f"{type(error).__name__}: {mask_sensitive(str(error))}") from error
        except Exception as error:
            return error
        return None

    async def _events(self, step: Step, state: S, checked: str | None, policy: Any) -> Sequence[Any]:
        """Return what follows from a record; where a journal is retold, what performing this very record led to.

        Two records may be about one posting reference, so nothing but the record's own place says which event is whose.
        """
        processor = self.processor
        recall = processor.recall if isinstance(processor, Effect) else None
        if self.verdicts is None or recall is None:
            return await processor.events(state, step.value, checked, policy)
        return await recall(self.verdicts.recorded.get(step.record.offset, ()))(state, step.value)

    # -- what operators ask of parked records -------------------------------------------------------------------------

    async def _replay(
        self, asked: Step, request: ParkedReplayRequested, state: S, queue: Queue, rules: Adopted
    ) -> Outcome[S]:
        """Decide the key's parked records again, oldest first, up to the first that fails; all where order is free.

        The task's own request is for a key that it holds, and says nothing about one that a person has to decide. How
        the first that fails is left is journaled where a held key is concerned: held on, or for a person from now on.
        A record that could not be read when it was parked may turn out to belong to another key, or to another
        partition: it is written to the inbox once more, where records of its key are decided.
        """
        outcome: Outcome[S] = Outcome(replayed=bool(queue.offsets))
        parked, verdicts = queue.offsets, self.verdicts
        if request.retry and not queue.is_held:
            outcome.accepted.append(asked)
            return outcome
        again = list(parked) if verdicts is None else verdicts.released.get(asked.record.offset, ())
        first, failed = parked[0] if parked else None, None
        for offset in again:
            if failed is not None and not self.processor.is_order_free:
                break
            step = self._read(await self.reread(offset))
            if step.failure is not None:
                failed = step.failure
                continue
            if isinstance(step.value, TaskRequests):
                pass  # a request that was refused for want of a name or reason; it stays refused
            elif step.key != request.record_key or step.moved is not None:
                try:
                    # Whoever gave it gave it for this topic, so it goes there byte for byte.
                    copied = Checked.again(step.record, step.value, key=step.key, codec=self.codec)
                    outcome.outputs.append(Consequence(step.record, copied, identity_of(step.record)))
                except RecordTooLarge as unfit:
                    failed = unfit
                    continue
            else:
                attempt: Outcome[S] = Outcome()
                checked = None if request.retry else _asked_by(asked, request)
                if (error := await self._apply(step, state, attempt, rules, checked)) is not None:
                    failed = error
                    continue
                state = state if attempt.state is None else attempt.state
                outcome.state = state
                outcome.events += attempt.events
                outcome.outputs += attempt.outputs
                if _is_operator_command(step):
                    outcome.accepted.append(step)
            released = ParkedRecordReleased(
                topic=step.record.topic,
                partition=step.record.partition,
                offset=offset,
                record_key=request.record_key,
                requested_by=request.requested_by,
                authenticated_by=request.authenticated_by,
                approved_by=request.approved_by,
            )
            parked.remove(offset)
            outcome.events.append(self._event(asked, step.record, released))
        kept = None
        if verdicts is not None:
            kept = verdicts.kept.get(asked.record.offset)
        elif failed is not None:
            held = isinstance(failed, Delayed) and request.retry < self.retries_allowed
            if held != queue.is_held or (held and parked[0] != first):
                kept = parked_event(step, request.record_key, behind=None, error=failed, is_held=held)
        if kept is not None:
            queue.is_held = kept.is_held
            origin = await self.reread(kept.offset)
            outcome.events.append(self._event(asked, origin, kept))
            outcome.outputs += self._news(self._read(origin), kept)
        outcome.accepted.append(asked)
        return outcome

    async def _discard(self, step: Step, request: ParkedDiscardRequested, queue: Queue) -> Outcome[S]:
        """Give up one parked record; a request for one that is not parked changes nothing."""
        outcome: Outcome[S] = Outcome()
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
            outcome.events.append(self._event(step, step.record, event))
            given_up = self._read(await self.reread(request.offset))
            outcome.outputs += self._news(given_up, event)
        outcome.accepted.append(step)
        return outcome

    def _reset(self, step: Step, request: BreakerResetRequested) -> Outcome[S]:
        """Begin the count of bad records anew; those before were parked because this command was found ahead."""
        outcome: Outcome[S] = Outcome()
        event = BreakerReset(
            topic=step.record.topic,
            partition=step.record.partition,
            offset=step.record.offset,
            record_key=request.record_key,
            requested_by=request.requested_by,
            authenticated_by=request.authenticated_by,
            approved_by=request.approved_by,
            reason=request.reason,
        )
        outcome.events.append(self._event(step, step.record, event))
        outcome.accepted.append(step)
        return outcome

    # -- parking ------------------------------------------------------------------------------------------------------

    def _park(self, step: Step, outcome: Outcome[S], *, behind: int | None, error: Exception) -> None:
        held = isinstance(error, Delayed) and self.retries_allowed > 0
        self._park_as(step, outcome, parked_event(step, step.key, behind=behind, error=error, is_held=held))

    def _park_as(self, step: Step, outcome: Outcome[S], event: RecordParked) -> None:
        record = step.record
        letter = dead_letter(event, record, task=self.processor.name)
        dlq = catalog.topic(self.processor.inbox).dlq
        assert dlq is not None, f"{self.processor.inbox} names no dlq; tests/catalog sees to it"
        outcome.parked, outcome.head, outcome.held = True, event.behind is None, event.is_held
        outcome.events.append(self._event(step, record, event))
        try:
            outcome.outputs.append(self._output(dlq, record, letter))
        except RecordTooLarge:
            # Only where the inbox takes more than schemas/topics says. The record itself stays in the inbox for ever.
            outcome.outputs.append(self._output(dlq, record, without_record(letter)))
        outcome.outputs += self._news(step, event)

    def _news(self, step: Step, event: RecordParked | ParkedRecordDiscarded) -> list[Consequence]:
        """Return what others learn of a record that can be read and waits for a person, or was given up by one."""
        is_for_a_person = isinstance(event, ParkedRecordDiscarded) or (not event.is_held and event.behind is None)
        if not is_for_a_person or step.value is None or isinstance(step.value, RulesAdopted | TaskRequests):
            return []
        news = self.processor.on_parked(step.value, event)
        return [self._output(routed.topic, step.record, routed.record, routed.partition) for routed in news]

    # -- writing ------------------------------------------------------------------------------------------------------

    def _assemble(
        self,
        steps: Sequence[Step],
        outcomes: dict[int, Outcome[S]],
        progress: Progress,
        stop_at: int | None,
        stop: Stop | None,
        reset_at: int,
    ) -> Batch[S]:
        batch: Batch[S] = Batch(progress, stop=stop)
        for step in steps:
            record = step.record
            if stop_at is not None and record.offset >= stop_at:
                break
            if not progress.accept(step.position):
                batch.dropped += 1
            elif step.moved is not None:
                # The same record once more, on the partition where all records of its key are decided.
                cause, kept = Cause.of(record, 0), identity_of(record)
                batch.outputs.append(self._sealed(step.moved, cause, kept=kept))
            else:
                outcome = outcomes[record.offset]
                if outcome.head and record.offset >= reset_at and progress.failures >= self.failures_allowed:
                    batch.stop = BreakerOpen(run_of_failures(record, progress, first_error(outcome)))
                    break
                for command in outcome.accepted:
                    name = type(command.value).__name__
                    progress.link = progress.link.then(command.record, type=name, key=command.key)
                self._write(record, step.key, outcome, progress, batch)
                if outcome.state is not None:
                    batch.states[step.key] = outcome.state
                batch.parked += outcome.parked
                if outcome.head:
                    batch.parked_because.append(f"{record.partition}/{record.offset}: {first_error(outcome)}")
                batch.silent = 0 if outcome.events else batch.silent + 1
            progress.position = record.offset + 1
            batch.decided += 1
            came = outcomes.get(record.offset)
            if isinstance(self.processor, Effect) and came is not None and came.depends_on_the_day:
                if not came.events:
                    batch.journal.append(self.mark_position(record, progress))
                    batch.silent = 0
                batch.cuts.append((len(batch.outputs), len(batch.journal)))
        return batch

    def _write(self, record: Inbound, key: bytes, outcome: Outcome[S], progress: Progress, batch: Batch[S]) -> None:
        """Journal records and outputs of one inbox record, and the progress that goes with them."""
        entries: list[JournalEntry] = []
        own = Lineage.of(record) if outcome.events or outcome.outputs else None

        def cause_of(index: int, origin: Inbound) -> Cause:
            return Cause.of(record, index, origin, lineage=own if origin is record else None)

        for index, event in enumerate(outcome.events):
            cause, size = cause_of(index, event.origin), len(outcome.events)
            accepted = tuple(sorted(progress.unjournaled.values())) if index == 0 else ()
            link = _unreported(progress) if index == 0 else None
            entries.append(JournalEntry(key, event.checked.record, cause.position, size, accepted, link))
            more = [*journal_headers(size, accepted, link), *self._link_signature(cause, link)]
            batch.journal.append(self._sealed(event.checked, cause, partition=self.partition, more=more))
        if entries:
            note(progress, entries)
        for index, output in enumerate(outcome.outputs):
            cause = cause_of(index, output.origin)
            batch.outputs.append(self._sealed(output.checked, cause, partition=output.partition, kept=output.kept))

    def _event(self, step: Step, origin: Inbound, record: Record) -> Consequence:
        journal, key = self.processor.journal, step.key
        return Consequence(origin, Checked.of(record, topic=journal, codec=self.codec, key=key))

    def _output(self, topic: str, origin: Inbound, record: Record, partition: int | None = None) -> Consequence:
        if partition is not None and partition >= (count := self.log.partition_count(topic)):
            raise Unreadable(f"{type(record).__name__} is for partition {partition} of {topic}, which has {count}")
        return Consequence(origin, Checked.of(record, topic=topic, codec=self.codec), partition=partition)

    def _sealed(
        self,
        checked: Checked,
        cause: Cause,
        *,
        partition: int | None = None,
        more: Sequence[tuple[str, bytes]] = (),
        kept: Mapping[str, bytes] | None = None,
    ) -> Outbound:
        """Return a consequence ready to append; the same at each attempt, to the byte."""
        return checked.sealed(
            source=f"saldo/{self.processor.name}",
            at=instant_of(checked.record, cause.origin),
            log=self.log,
            cause=cause,
            partition=partition,
            more=more,
            kept=kept,
        )

    def _link_signature(self, cause: Cause, link: Link | None) -> KafkaHeaders:
        signer = self.log.signer
        if link is None or signer is None:
            return ()
        return signer.link_headers(journal=self.processor.journal, source=cause.position, link=str(link))

    # -- rules --------------------------------------------------------------------------------------------------------

    def adoption_in(self, record: Inbound) -> RulesAdopted | None:
        """Return the adoption that a record of the inbox is, if an agent gave it.

        What says that it is something else is none.
        """
        name = RulesAdopted.__name__
        return _adoption(self._read(record)) if (header_text(record.headers, "ce_type") or name) == name else None

    def _policy(self, rules: Adopted) -> Any:
        """Return what the processor decides by where these rules are in force.

        Raises: Stop where nothing is adopted yet, or this version of Saldo can't read what is.
        """
        used = self.processor.rules
        if used is None:
            return None
        if missing := used.missing_in(rules):
            raise Stop(
                f"no {' and no '.join(missing)} adopted yet; a worker offers them at its start, or: saldo rules adopt"
            )
        try:
            return used.policy(rules)
        except ContractBroken as error:
            raise Stop(
                f"this version of Saldo can't read the rules in force, start the one that adopted them: {error}"
            ) from error

    def _adopt(self, step: Step, adopted: RulesAdopted, rules: Adopted) -> Outcome[S]:
        """Take rules, and say so in the journal, unless they are forged or newer ones are in force."""
        outcome: Outcome[S] = Outcome()
        if step.unproved is not None:
            where = f"{step.record.topic}/{step.record.partition}/{step.record.offset}"
            logger.warning("forged adoption ignored", extra={"at": where, "reason": str(step.unproved)})
        elif rules.get(adopted.rules_name) is adopted:
            outcome.events.append(self._event(step, step.record, adopted))
        return outcome


def _adoption(step: Step) -> RulesAdopted | None:
    """Return the adoption that a record is, if an agent gave it."""
    is_proved = step.failure is None and step.unproved is None
    return step.value if is_proved and isinstance(step.value, RulesAdopted) else None


def _is_operator_command(step: Step) -> bool:
    return step.value is not None and is_operator_command(step.record.topic, type(step.value).__name__)


def _asked_by(asked: Step, request: ParkedReplayRequested) -> str:
    """Return a person's replay by its signed identity.

    The same at each attempt, and of a copy that a stranger writes.
    """
    return f"{asked.record.event_id} ({request.requested_by})"


def _unreported(progress: Progress) -> Link | None:
    """Return the chain of operator commands, where the last event does not say it."""
    return None if progress.link == progress.link_reported else progress.link


def _shown(key: bytes) -> str:
    return repr(key[:60].decode("utf-8", "replace"))
