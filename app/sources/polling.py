"""Reads sources that cannot say what is new, and reports each change once.

A poll sees the same things again and again. What was reported last is remembered per subject as a digest of its
content, in `sources.cursors.v1`; only what differs is written to the inboxes, and the cursor after it. A crash between
the two tells one thing twice, with the same event id, which folds to one event. When and by which way a thing was
observed is no part of its content.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, TypeAlias

from app.settings.settings import PollingSettings
from app.sources.status import PollObserver, SilentPollObserver
from schemas import catalog
from schemas.checks.sensitive import mask_card_numbers
from schemas.failures import ContractBroken, Refused, SaldoError, Transient, Unreadable
from schemas.failures.waiting import MOST_WAIT_S, bounded_wait_s
from schemas.records import Record
from schemas.records.sources import SourceCursor
from schemas.topic import Topic
from schemas.values.clock import monotonic_s, utc_now
from schemas.wire.codec import Codec
from schemas.wire.envelope import content_event_id
from streams.edges.ports import Observation, WindowSource
from streams.edges.publishing import content_digest, to_outbound
from streams.log.outbound import Outbound
from streams.log.ports import Log
from streams.log.records import RecordTooLarge

logger = logging.getLogger(__name__)

CURSORS = Topic.SOURCES_CURSORS
WRITE_AT_ONCE = 500
LONGEST_PAUSE_S = 60.0

# Seals the personal values of records: streams/edges/subject_keys.py.
Seal: TypeAlias = Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]


class Publisher:
    """Writes what a source shows to the inboxes, each change once."""

    def __init__(self, source: str, log: Log, codec: Codec, seal: Seal | None = None) -> None:
        """Bind a source; `seal` seals personal values, and without it a record that holds one is refused."""
        self._source = source
        self._seal = seal
        self._log = log
        self._codec = codec
        self._published: dict[str, str] = {}
        self._marks: dict[str, str] = {}
        self._reading_back = asyncio.Lock()
        self._remembers = False

    async def remember(self) -> None:
        """Read back what this source reported before; every poll calls it first, and only the first call reads."""
        async with self._reading_back:
            if not self._remembers:
                await self._read_back()
                self._remembers = True

    async def _read_back(self) -> None:
        for partition in range(self._log.partition_count(CURSORS)):
            start, end = await self._log.watermarks(CURSORS, partition)
            async for batch in self._log.read(CURSORS, partition, start, end):
                for record in batch:
                    try:
                        cursor = self._codec.decode_as_written(record.value)
                    except Unreadable as error:  # a stranger's: without it one thing may be reported a second time
                        where = f"{record.topic}/{record.partition}/{record.offset}"
                        logger.warning("cursor passed over", extra={"at": where, "error": str(error)})
                        continue
                    if isinstance(cursor, SourceCursor) and cursor.source == self._source:
                        self._published[cursor.subject] = cursor.digest
                        self._marks[cursor.subject] = cursor.position

    async def publish(self, observations: AsyncIterator[Observation]) -> int:
        """Write what changed since it was last reported.

        Ensures: each record is acknowledged before its cursor is written, so nothing is taken for reported that is not;
                 what was seen before a failure of the source is written before the failure goes on.
        Shapes:  the result is the number of observations that were new or different.
        Raises:  Unreadable naming an observation that no inbox takes (too large, no key, no number that Avro holds),
                 once all others are reported; it is not taken for reported, so each poll says so again.
        """
        refused: list[Unreadable] = []
        seen: list[Observation] = []
        published = 0
        try:
            async for observation in observations:
                seen.append(observation)
                if len(seen) >= WRITE_AT_ONCE:
                    # Taken out first: what could not be written is not tried again behind what comes later.
                    batch, seen = seen, []
                    published += await self._write(await self._changed(batch), refused)
        finally:
            published += await self._write(await self._changed(seen), refused)
        if refused:
            raise refused[0]
        return published

    @property
    def subjects(self) -> frozenset[str]:
        """Names of everything that was published so far, by this process or one before it."""
        return frozenset(subject.removeprefix(f"{self._source}/") for subject in self._published)

    def has_published(self, name: str) -> bool:
        """Return whether something was published under this name, by this process or one before it."""
        return f"{self._source}/{name}" in self._published

    def position_of(self, name: str) -> str:
        """Return the newest mark that was set under this name; empty when there is none."""
        return self._marks.get(f"{self._source}/{name}", "")

    async def mark(self, name: str, position: str) -> None:
        """Remember how far a piece of work got; on return the mark is durable."""
        subject = f"{self._source}/{name}"
        now = utc_now()
        cursor = SourceCursor(source=self._source, subject=subject, digest="", position=position, observed_at=now)
        await self._log.append([self._cursor(cursor)])
        self._marks[subject] = position

    async def _changed(self, seen: Sequence[Observation]) -> list[tuple[str, str, tuple[Any, ...]]]:
        """Return what differs from what was published last, sealed: subject, digest, records."""
        records = [record for _, observed in seen for record in observed]
        left = iter(records if self._seal is None else await self._seal(records))
        changed: list[tuple[str, str, tuple[Any, ...]]] = []
        latest: dict[str, str] = {}
        for name, observed in seen:
            subject = f"{self._source}/{name}"
            sealed = tuple(islice(left, len(observed)))
            digest = content_digest(sealed)
            if latest.get(subject, self._published.get(subject)) != digest:
                changed.append((subject, digest, sealed))
                latest[subject] = digest
        return changed

    async def _write(self, changed: Sequence[tuple[str, str, tuple[Any, ...]]], refused: list[Unreadable]) -> int:
        now = utc_now()
        outbound: list[Outbound] = []
        cursors: list[Outbound] = []
        written: list[tuple[str, str]] = []
        for subject, digest, records in changed:
            cursor = SourceCursor(source=self._source, subject=subject, digest=digest, position="", observed_at=now)
            try:
                built = [self._outbound(record) for record in records]
                cursors.append(self._cursor(cursor))
            except Unreadable as error:
                kind = RecordTooLarge if isinstance(error, RecordTooLarge) else Unreadable
                refused.append(kind(f"{mask_card_numbers(subject)}: {error}"))
            else:
                outbound += built
                written.append((subject, digest))
        if not written:
            return 0
        await self._log.append(outbound)
        await self._log.append(cursors)
        self._published.update(written)
        return len(written)

    def _outbound(self, record: Record) -> Outbound:
        return to_outbound(record, producer=f"source-{self._source}", log=self._log, codec=self._codec)

    def _cursor(self, cursor: SourceCursor) -> Outbound:
        # The same mark set again is the same event, whenever that is.
        content = catalog.topic(CURSORS).key_of(cursor) + (cursor.digest + cursor.position).encode()
        return Outbound.of(
            cursor,
            topic=CURSORS,
            source=f"saldo/source-{self._source}",
            at=cursor.observed_at,
            codec=self._codec,
            log=self._log,
            event_id=content_event_id("SourceCursor", content),
        )


class WindowRounds:
    """Which days the next poll of a window source reads: the recent ones each time, the whole window now and then."""

    def __init__(
        self, source: WindowSource, settings: PollingSettings, clock: Callable[[], float] = monotonic_s
    ) -> None:
        self._source = source
        self._settings = settings
        self._clock = clock
        self._whole_at = float("-inf")

    def observations(self, now: datetime) -> AsyncIterator[Observation]:
        """Yield the next poll: the first one reads the recent days, for a quick start, the second one everything."""
        since, until = self.days(now)
        return self._source.poll(since, until)

    def days(self, now: datetime) -> tuple[date, date]:
        """First and last day of the next poll."""
        first, last = self._source.window(now)
        recent = max(first, last - timedelta(days=self._settings.recent_days))
        if self._whole_at == float("-inf"):
            self._whole_at = self._clock() - self._settings.whole_window_every_s
            return recent, last
        if self._clock() - self._whole_at >= self._settings.whole_window_every_s:
            self._whole_at = self._clock()
            return first, last
        return recent, last


class DayByDay:
    """Tells a back-fill's observations a day at a time, and marks a day once all of it was reported."""

    def __init__(self, publisher: Publisher, name: str) -> None:
        self._publisher = publisher
        self._name = name
        self._today: list[Observation] = []

    @property
    def done_until(self) -> date | None:
        """The last day that a run under this name marked; None when none did."""
        position = self._publisher.position_of(self._name)
        return date.fromisoformat(position) if position else None

    async def publish(self, subject: str, records: tuple[Record, ...]) -> None:
        """Take one observation of the day at hand; it is written when the day is done."""
        self._today.append((subject, records))

    async def mark_done(self, day: date) -> None:
        """Write what changed of the day, then the mark; a crash between the two repeats the day."""
        today, self._today = self._today, []
        await self._publisher.publish(_each(today))
        await self._publisher.mark(self._name, day.isoformat())


async def _each(observations: Sequence[Observation]) -> AsyncIterator[Observation]:
    for observation in observations:
        yield observation


async def poll_together(*polls: Coroutine[Any, Any, None]) -> None:
    """Run several polls of one source side by side; the first that fails ends the others.

    Raises: what the first failure raised, once every poll has ended.
    """
    running = [asyncio.create_task(poll) for poll in polls]
    try:
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def poll_forever(
    name: str,
    publisher: Publisher,
    next_poll: Callable[[], AsyncIterator[Observation]],
    every_s: float,
    stop: asyncio.Event,
    observer: PollObserver | None = None,
    not_read: Callable[[], tuple[str, ...]] = tuple,
) -> None:
    """Poll until asked to stop. A source that fails is asked again, later and later; what it showed before counts.

    Shapes:  not_read says what the last poll left out because the other side refuses it, one text for each.
    Ensures: the observer hears the end of each poll; the log has one line when polls begin to fail or fail otherwise
             than before, and one when they work again.
    Raises:  DeliveryFailed, ContractBroken: the process ends and its supervisor starts it again.
    """
    await publisher.remember()
    hears = observer or SilentPollObserver()
    failures, well, failing_since = 0, False, 0.0
    logged = ""
    while not stop.is_set():
        began = monotonic_s()
        pause = every_s
        try:
            published = await publisher.publish(next_poll())
            # Every second that nothing is new need not be reported; that polls work is reported at start and after a
            # failure.
            level = logging.INFO if published or failures or not well else logging.DEBUG
            facts: dict[str, Any] = {"source": name, "changed": published, "seconds": round(monotonic_s() - began, 3)}
            if failures:
                facts |= {"after_failures": failures, "failed_for_s": round(monotonic_s() - failing_since, 1)}
            logger.log(level, "polled", extra=facts)
            failures, well, logged = 0, True, ""
            hears.succeeded(name, not_read())
        except ContractBroken as error:
            hears.failed(name, error, pause_s=0.0)
            raise
        except (Transient, Unreadable, Refused) as error:
            failures += 1
            failing_since = monotonic_s() if failures == 1 else failing_since
            pause = _pause_s(every_s, failures, error)
            hears.failed(name, error, pause_s=pause)
            # One line for one trouble: numbers and times in the text change with each attempt, its words do not.
            words = re.sub(r"\d+", "0", str(error))
            level = logging.DEBUG if words == logged else logging.WARNING
            logged = words
            facts = {"source": name, "error": str(error), "pause_s": round(pause, 1), "failures": failures}
            asked_s = error.asked_s if isinstance(error, Transient) else None
            logger.log(level, "poll failed", extra={**facts, **({"asked_s": asked_s} if asked_s else {})})
        try:
            await asyncio.wait_for(stop.wait(), timeout=pause)
        except TimeoutError:
            continue


def _pause_s(every_s: float, failures: int, error: SaldoError) -> float:
    """Later and later, and not before the other side wants; a client bounds that by its own setting already."""
    asked = error.retry_after_s if isinstance(error, Transient) else None
    backoff = min(every_s * float(2 ** min(failures, 10)), max(every_s, LONGEST_PAUSE_S))
    return max(bounded_wait_s(asked, MOST_WAIT_S), backoff)


def window_poll(source: WindowSource, settings: PollingSettings) -> Callable[[], AsyncIterator[Observation]]:
    """Yield each poll of a source that is asked for days."""
    rounds = WindowRounds(source, settings)
    return lambda: rounds.observations(utc_now())
