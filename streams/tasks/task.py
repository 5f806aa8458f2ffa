"""One task: one processor on one partition of its inbox. Design: docs/adr/0002-task-layer.md.

The life of a batch:

    own?  ->  restore (once)  ->  close gaps  ->  decide on a copy  ->  append outputs, wait
          ->  append journal, wait  ->  nobody else wrote?  ->  keep the copy, move the position

Whatever breaks before the last step leaves state and position as they were, and the batch is decided again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from schemas.failures import ContractBroken
from schemas.records import Record
from schemas.records.by_topic import TaskEvents
from schemas.records.tasks import ParkedReplayRequested, RulesAdopted
from schemas.values.clock import monotonic_s, utc_now
from schemas.wire.codec import Codec
from streams.log.outbound import Outbound
from streams.log.ports import Log
from streams.log.records import Inbound
from streams.log.signing import Ring
from streams.tasks.batch import Batch, BreakerOpen, Stop, Verdicts
from streams.tasks.deciding import BatchDecider
from streams.tasks.journal import JournalEntry, JournalReader, note
from streams.tasks.ports import Membership, Observer
from streams.tasks.processor import Effect, Processor, no_reminder
from streams.tasks.progress import Progress
from streams.tasks.rules import Adopted
from streams.tasks.stores import StateStore

logger = logging.getLogger(__name__)
S = TypeVar("S")

READ_AT_ONCE = 10_000
RESTORE_CHUNK = 5_000
FIRST_STALL_S = 1.0
LONGEST_STALL_S = 60.0


@dataclass(frozen=True, slots=True)
class TaskRules:
    """The numbers of the task layer.

    failures_in_a_row  parked records without a decided one between that stop the task: a bad deploy must not pour a
                       topic into the dead letters (the breaker, docs/adr/0063-an-operator-closes-the-breaker.md)
    marker_every       inbox records without an event after which a position marker is written, so that silence does
                       not cost a long re-read
    held_retries       how often what only has to wait is tried again by itself before a person decides it; with the
                       pauses below that is some 95 minutes
    held_first_s       pause before the first of these retries, seconds; doubled each time
    held_longest_s     longest of these pauses, seconds
    """

    failures_in_a_row: int = 20
    marker_every: int = 1_000
    held_retries: int = 100
    held_first_s: float = 1.0
    held_longest_s: float = 60.0


@dataclass(slots=True)
class _Retry:
    """When the first record of a held key is tried again.

    head      its inbox offset
    number    how often it was asked for
    asked_at  inbox offset of the last request; -1 before the first
    """

    head: int
    due: float
    number: int = 0
    asked_at: int = -1


class Task(Generic[S]):
    """Decides the records of one partition, each once and in order."""

    def __init__(
        self,
        processor: Processor[S, Any, Any],
        partition: int,
        *,
        log: Log,
        store: StateStore[S],
        codec: Codec,
        ring: Ring,
        membership: Membership,
        observer: Observer,
        rules: TaskRules,
        verdicts: Verdicts | None = None,
    ) -> None:
        """Bring together what a task needs.

        `ring` proves commands. `verdicts` is for a replay alone, which parks as the journal says.
        """
        self.processor = processor
        self.partition = partition
        self._log = log
        self._store = store
        self._codec = codec
        self._membership = membership
        self._observer = observer
        self._rules = rules
        self._decider: BatchDecider[S] = BatchDecider(
            processor=processor,
            partition=partition,
            log=log,
            state_of=self._state,
            reread=self._reread,
            codec=codec,
            ring=ring,
            failures_allowed=rules.failures_in_a_row,
            retries_allowed=rules.held_retries,
            verdicts=verdicts,
        )
        self._lock = asyncio.Lock()
        self._progress: Progress | None = None
        # Decided and not durable yet: what the next batch is decided on.
        self._ahead: Batch[S] | None = None
        self._silent = 0
        self._stalled_until = 0.0
        self._stall_s = FIRST_STALL_S
        self._retries: dict[bytes, _Retry] = {}
        self._reset_at = 0
        self._looked_to = 0
        self._verdicts = verdicts
        self._rules_ahead: dict[str, RulesAdopted] = {}
        self._rules_looked_to = 0
        self._reminded: dict[str, int] = {}
        self.stalled_because: str | None = None
        self.breaker_open = False
        self.moved_at = monotonic_s()

    @property
    def name(self) -> str:
        """For people: agent and partition."""
        return f"{self.processor.name}/{self.partition}"

    @property
    def progress(self) -> Progress | None:
        """How far it is; None before the first use."""
        return self._progress

    async def advance(self, records: Sequence[Inbound]) -> None:
        """Decide these records, and whatever lies between the position and the last of them.

        Ensures: on return, every consequence of the records decided is durable. While the task waits (stalled) or
                 another process owns the partition, nothing is decided; the records are read again later.
        Raises:  DeliveryFailed when the broker does not acknowledge; the process must end then.
        """
        async with self._lock:
            if not records or monotonic_s() < self._stalled_until or not await self._owned():
                return
            progress = await self._restored()
            last = max(record.offset for record in records)
            if last < progress.position:
                return
            await self._advance_through(sorted(records, key=lambda record: record.offset), last + 1)

    async def catch_up(self) -> int:
        """Read what lies between the position and the end of the inbox straight from the broker, and decide it.

        Shapes: the result is the number of records still ahead when it returns.
        """
        async with self._lock:
            if monotonic_s() < self._stalled_until and not (self.breaker_open and await self._finds_reset()):
                return 0
            if not await self._owned():
                return 0
            progress = await self._restored()
            _, end = await self._log.watermarks(self.processor.inbox, self.partition)
            if progress.position < end:
                await self._advance_through((), min(end, progress.position + READ_AT_ONCE))
            return max(0, end - (self._progress or progress).position)

    async def retry_held(self) -> None:
        """Ask for the keys that are held back and whose time has come to be decided again.

        The request is a record in the inbox, like an operator's: so it has its place in the order, and a replay of the
        inbox repeats what came of it. When it is due lives in memory; after a restart the pauses begin anew.
        """
        progress = self._progress
        if progress is None or not (progress.held or self._retries) or monotonic_s() < self._stalled_until:
            return
        for key in self._retries.keys() - progress.held:
            del self._retries[key]
        due: list[tuple[bytes, _Retry]] = []
        for key in sorted(progress.held):
            head, retry = progress.parked[key][0], self._retries.get(key)
            if retry is None or retry.head != head:
                retry = self._retries[key] = _Retry(head, monotonic_s() + self._rules.held_first_s)
            if monotonic_s() >= retry.due and retry.asked_at < progress.position:
                due.append((key, retry))
        if not due or not await self._owned():
            return
        requests = [self._request(key, retry.number + 1) for key, retry in due]
        for (_, retry), offset in zip(due, await self._log.append(requests), strict=True):
            retry.number += 1
            retry.asked_at = offset
            pause = self._rules.held_first_s * 2.0 ** min(retry.number, 30)
            retry.due = monotonic_s() + min(pause, self._rules.held_longest_s)

    async def remind(self) -> None:
        """Have the keys decided again that wait for rules, once after each adoption and after each start.

        A reminder is a record in the inbox like any other: it has its place in the order, and a replay repeats what
        came of it.
        """
        progress = self._progress
        if progress is None or self.processor.reminder is no_reminder or monotonic_s() < self._stalled_until:
            return
        adopted = {name: one.number for name, one in progress.rules.items()}
        if adopted == self._reminded or not await self._owned():
            return
        now = utc_now()
        found = [self.processor.reminder(state, now) for _, state in self._store.items()]
        await self._log.append([self._to_inbox(record, now) for record in found if record is not None])
        self._reminded = adopted

    def _request(self, key: bytes, number: int) -> Outbound:
        now = utc_now()
        record = ParkedReplayRequested(
            record_key=key,
            requested_by=self.name,
            reason="its time has come",
            requested_at=now,
            retry=number,
        )
        return self._to_inbox(record, now)

    def _to_inbox(self, record: Record, now: datetime) -> Outbound:
        return Outbound.of(
            record,
            topic=self.processor.inbox,
            source=f"saldo/{self.processor.name}",
            at=now,
            codec=self._codec,
            log=self._log,
            partition=self.partition,
        )

    async def restore(self) -> Progress:
        """Fold the journal, if that is not done yet, and say how far the task is."""
        async with self._lock:
            return await self._restored()

    async def settle(self) -> None:
        """Wait for the batch in hand, then forget everything: the partition goes to somebody else."""
        async with self._lock:
            self._forget()

    # -- restore ---------------------------------------------------------------------------------------------------

    async def _owned(self) -> bool:
        if await self._membership.holds(self.processor.inbox, self.partition):
            return True
        if self._progress is not None:
            logger.warning("task left to its new owner", extra={"task": self.name})
            self._forget()
        return False

    def _forget(self) -> None:
        self._progress = None
        self._silent = 0
        self._reset_at = self._looked_to = self._rules_looked_to = 0
        self._rules_ahead.clear()
        self._reminded.clear()
        self._retries.clear()

    async def _restored(self) -> Progress:
        if self._progress is None:
            self._progress = await self._read_journal()
        return self._progress

    async def _read_journal(self) -> Progress:
        began = monotonic_s()
        journal = self.processor.journal
        identity = "/".join(
            (
                self.processor.name,
                str(self.processor.version),
                await self._log.topic_id(self.processor.inbox),
                await self._log.topic_id(journal),
            )
        )
        progress = self._store.load(identity) or Progress()
        snapshot_at = progress.position
        start, end = await self._log.watermarks(journal, self.partition)
        if progress.journal_end > end:
            raise ContractBroken(
                f"{self.name}: the snapshot is ahead of its journal ({progress.journal_end} > {end}); "
                "the journal was cut, which loses events: restore the topic from backup"
            )
        reader = JournalReader(self._codec, progress.last_rank)
        changed: dict[bytes, S] = {}
        async for batch in self._log.read(journal, self.partition, max(start, progress.journal_end), end):
            for record in batch:
                if group := reader.feed(record):
                    self._fold(group, changed)
                    note(progress, group)
                    progress.journal_end = record.offset + 1
            if len(changed) >= RESTORE_CHUNK:
                self._store.commit(changed, progress)
                changed.clear()
        # Records behind the last whole group are repeats or a group cut short; both may be read again.
        self._store.commit(changed, progress)
        progress.journal_end = end
        logger.info(
            "task restored",
            extra={
                "task": self.name,
                "position": progress.position,
                "snapshot": snapshot_at,
                "journal_end": end,
                "seconds": round(monotonic_s() - began, 3),
            },
        )
        return progress

    def _fold(self, group: Sequence[JournalEntry], changed: dict[bytes, S]) -> None:
        for entry in group:
            if isinstance(entry.event, TaskEvents):
                continue
            state = changed[entry.key] if entry.key in changed else self._state(entry.key)
            changed[entry.key] = self.processor.evolve(state, entry.event)

    def _state(self, key: bytes) -> S:
        if self._ahead is not None and key in self._ahead.states:
            return self._ahead.states[key]
        state = self._store.get(key)
        return self.processor.initial if state is None else state

    # -- one stretch of the inbox ----------------------------------------------------------------------------------

    async def _advance_through(self, given: Sequence[Inbound], end: int) -> None:
        """Decide everything from the position up to `end`; what is not given is read from the broker."""
        expected = self._require().position
        batch: list[Inbound] = []
        for record in given:
            if record.offset < expected:
                continue
            if record.offset > expected and not await self._advance_missing(batch, expected, record.offset):
                return
            batch.append(record)
            expected = record.offset + 1
        if expected < end and not await self._advance_missing(batch, expected, end):
            return
        await self._advance_in_batches(batch)

    async def _advance_missing(self, batch: list[Inbound], start: int, end: int) -> bool:
        """Read the records that were never delivered to us, first things first."""
        if not await self._advance_in_batches(batch):
            return False
        batch.clear()
        kept_from, _ = await self._log.watermarks(self.processor.inbox, self.partition)
        if start < kept_from:
            self._stall(
                f"inbox records {start} to {kept_from - 1} of {self.processor.inbox}/{self.partition} are gone before "
                "they were decided; restore them or move the position by hand (docs/runbooks/lost-inbox.md)"
            )
            return False
        healed = 0
        async for records in self._log.read(self.processor.inbox, self.partition, start, end):
            healed += len(records)
            if not await self._advance_in_batches(records):
                return False
        self._observer.healed(self.name, healed)
        return True

    async def _advance_in_batches(self, records: Sequence[Inbound]) -> bool:
        """Apply the delivery rule to batch after batch; True when all of them are decided.

        Of a decider, the next batch is decided while the acknowledgements of the last are awaited: deciding changes
        nothing in the world, so what comes of it can be thrown away. An effect acts, so it begins when the last batch
        is durable.
        """
        size = self.processor.batch_size
        writing: asyncio.Task[bool] | None = None
        try:
            for first in range(0, len(records), size):
                batch = await self._decide(records[first : first + size])
                if writing is not None and not await writing:
                    return False
                self._ahead = batch
                writing = asyncio.create_task(self._write(batch))
                if (batch.stop is not None or isinstance(self.processor, Effect)) and not await writing:
                    return False
            return writing is None or await writing
        finally:
            if writing is not None:
                await asyncio.gather(writing, return_exceptions=True)
            self._ahead = None

    async def _decide(self, records: Sequence[Inbound]) -> Batch[S]:
        """Decide a batch on what the one before it leads to."""
        progress = self._require() if self._ahead is None else self._ahead.progress
        ahead = await self._find_rules(progress)
        batch = await self._decider.decide_batch(records, progress.copy(), reset_at=self._reset_at, rules_ahead=ahead)
        self._silent = self._silent + batch.decided if batch.silent == batch.decided else batch.silent
        if batch.silent and self._silent >= self._rules.marker_every:
            batch.journal.append(self._decider.mark_position(records[batch.decided - 1], batch.progress))
            self._silent = 0
        batch.progress.journal_end = progress.journal_end + len(batch.journal)
        return batch

    async def _write(self, batch: Batch[S]) -> bool:
        """Apply the delivery rule itself; True when the whole batch is decided."""
        if not await self._owned():
            return False
        journal_end = self._require().journal_end
        outputs_from, journal_from = 0, 0
        for outputs_to, journal_to in (*batch.cuts, (len(batch.outputs), len(batch.journal))):
            await self._log.append(batch.outputs[outputs_from:outputs_to])
            offsets = await self._log.append(batch.journal[journal_from:journal_to])
            if list(offsets) != list(range(journal_end + journal_from, journal_end + journal_to)):
                # Another writer means that the partition is ours no longer. What we wrote repeats what it writes.
                logger.warning("journal has another writer; task restores", extra={"task": self.name})
                self._forget()
                return False
            outputs_from, journal_from = outputs_to, journal_to
        self._store.commit(batch.states, batch.progress)
        self._progress = batch.progress
        # With the command found, what stopped here goes on with the next look at the inbox.
        resumed = isinstance(batch.stop, BreakerOpen) and await self._finds_reset()
        self._report(batch, None if resumed else batch.stop)
        return batch.stop is None

    async def _find_rules(self, progress: Progress) -> Adopted:
        """Return the first adoptions of what this partition holds no rules of yet.

        They count for what lies before them.
        """
        used = self.processor.rules
        if used is None or not used.missing_in(progress.rules):
            return {}
        if self._verdicts is not None:
            return self._verdicts.rules
        if used.missing_in({**self._rules_ahead, **progress.rules}):
            start = max(self._rules_looked_to, progress.position)
            for name, adopted in (await self.first_rules(start)).items():
                self._rules_ahead.setdefault(name, adopted)
        return self._rules_ahead

    async def first_rules(self, start: int = 0) -> Adopted:
        """Return the first adoption of each rules name from this inbox offset on."""
        found: dict[str, RulesAdopted] = {}
        inbox = self.processor.inbox
        kept_from, end = await self._log.watermarks(inbox, self.partition)
        async for records in self._log.read(inbox, self.partition, max(start, kept_from), end):
            for record in records:
                if (adopted := self._decider.adoption_in(record)) is not None:
                    found.setdefault(adopted.rules_name, adopted)
        self._rules_looked_to = end
        return found

    async def _finds_reset(self) -> bool:
        """Return whether an operator's command lies ahead, below which bad records are parked however many they are.

        It lies behind what the task can't get past, so the inbox is searched for it, each record once.
        """
        inbox, start = self.processor.inbox, max(self._looked_to, self._require().position)
        _, end = await self._log.watermarks(inbox, self.partition)
        async for records in self._log.read(inbox, self.partition, start, end):
            for record in records:
                self._looked_to = record.offset + 1
                if self._decider.is_reset(record):
                    self._reset_at = record.offset
                    return True
        return False

    def _report(self, batch: Batch[S], stop: Stop | None) -> None:
        self.moved_at = monotonic_s()
        self._observer.decided(self.name, batch.decided)
        self._observer.dropped(self.name, batch.dropped)
        self._observer.parked(self.name, batch.parked)
        for reason in batch.parked_because:
            logger.warning("record parked", extra={"task": self.name, "inbox": self.processor.inbox, "reason": reason})
        if stop is not None:
            self._stall(str(stop), breaker_open=isinstance(stop, BreakerOpen))
        elif self.stalled_because is not None:
            logger.info("task goes on", extra={"task": self.name})
            self._observer.stalled(self.name, None)
            self._observer.breaker(self.name, is_open=False)
            self.stalled_because, self._stall_s, self.breaker_open = None, FIRST_STALL_S, False

    def _stall(self, reason: str, *, breaker_open: bool = False) -> None:
        """Wait before the next attempt, longer each time; other tasks go on."""
        extra = {"task": self.name, "reason": reason, "seconds": self._stall_s}
        if breaker_open:
            logger.critical("breaker open", extra=extra)
        else:
            logger.error("task waits", extra=extra)
        self._observer.stalled(self.name, reason)
        self._observer.breaker(self.name, is_open=breaker_open)
        self.breaker_open = breaker_open
        self.stalled_because = reason
        self._stalled_until = monotonic_s() + self._stall_s
        self._stall_s = min(2 * self._stall_s, LONGEST_STALL_S)

    async def _reread(self, offset: int) -> Inbound:
        async for records in self._log.read(self.processor.inbox, self.partition, offset, offset + 1):
            for record in records:
                return record
        raise Stop(
            f"parked record {self.processor.inbox}/{self.partition}/{offset} is gone from the inbox; "
            "its bytes are in the dead letters"
        )

    def _require(self) -> Progress:
        assert self._progress is not None, "a batch is decided only after the restore"
        return self._progress
