"""`saldo run watch`: tells agent raise-alerts what it sees, and the time when a key asked for it.

Keeps nothing of its own: what was told is read back from alerts.events.v1, and how far the journals were read is in
sources.cursors.v1. What is told twice changes nothing (streams/domain/alerts/subject.py), so one may run on each
machine of an installation. ClickHouse may be away: what the log, the tasks and the polls say goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app.alerts import conditions
from app.alerts.conditions import HOOK, OF_PROCESSES, OF_TABLES, TABLES_AWAY, TELLING
from app.settings.settings import AlertSettings
from app.sources.polling import Publisher
from app.sources.status import PollStatus
from app.status.tasks import TaskStatus
from schemas import catalog
from schemas.failures import SaldoError, Unavailable, Unreadable
from schemas.records.alerts import (
    AlertConditionNoted,
    AlertConditionReported,
    AlertQueued,
    AlertsNotified,
    AlertTimeReached,
)
from schemas.records.tasks import RulesAdopted
from schemas.topic import Topic
from schemas.values.clock import monotonic_s, utc_now
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text, source_position
from schemas.wire.highwater import HighWater
from streams.log.credentials import INGRESS, WATCH
from streams.log.outbound import Outbound
from streams.log.ports import Feed, Log, Partition
from streams.log.records import Inbound

logger = logging.getLogger(__name__)

SOURCE: Final = f"saldo/{WATCH}"
_TAKE: Final = 500
_TAKE_S: Final = 0.5
# A restart reads again what came since; it only costs time.
_MARK_EVERY_S: Final = 30.0
# One word an hour says that hooks come in.
_HEARD_EVERY_S: Final = 3_600.0
_MEASURED: Final = (
    "condition",
    "holds",
    "since_at",
    "due_at",
    "item_count",
    "amount_minor",
    "currency",
    "detail",
    "place",
)
# Of these the instant at which they began follows from when they were first seen.
_SEEN_SINCE: Final = (f"{OF_TABLES}residual/", TABLES_AWAY)

Asking = Callable[[], tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]]


class Watch:
    """One watch. Times enter by `now`, so that tests decide what time it is."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        settings: AlertSettings,
        *,
        tasks: Callable[[], Mapping[str, TaskStatus]],
        polls: Callable[[], Iterable[tuple[str, PollStatus]]],
        tables: Asking,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`tables` returns the rows of what_needs_a_person and bridge_by_currency, and raises SaldoError."""
        self._log = log
        self._codec = codec
        self._settings = settings
        self._tasks, self._polls, self._tables, self._now = tasks, polls, tables, now
        self._cursors = Publisher(WATCH, log, codec)
        self._told: dict[str, AlertConditionReported | AlertConditionNoted] = {}
        self._wakes: dict[str, datetime] = {}
        self._positions: dict[Partition, int] = {}
        self._marks = HighWater()
        self._marked_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until asked to stop.

        Raises: DeliveryFailed when a word is not acknowledged; Unavailable, ContractBroken of the broker.
        """
        feed = await self.begin()
        try:
            looked_at = -self._settings.every_s
            while not stop.is_set():
                records = await asyncio.to_thread(feed.take, _TAKE, _TAKE_S)
                await self.read(records)
                if len(records) == _TAKE:
                    continue  # what was written long ago is taken in before anything is judged by it
                await self.tell_time()
                if monotonic_s() - looked_at >= self._settings.every_s:
                    looked_at = monotonic_s()
                    await self.look()
                if monotonic_s() - self._marked_at >= _MARK_EVERY_S:
                    await self.mark()
            await self.mark()
        finally:
            feed.close()

    async def begin(self) -> Feed:
        """Read back what was told, and return the journals from where they were left."""
        await self._cursors.remember()
        own = [(Topic.ALERTS_EVENTS, number) for number in range(self._log.partition_count(Topic.ALERTS_EVENTS))]
        journals = [spec.name for spec in catalog.topics().values() if spec.role == "journal"]
        others = [
            (topic, number)
            for topic in (*journals, Topic.PAYMENTS_OBSERVATIONS, Topic.SCHEDULES_RUNS)
            if topic != Topic.ALERTS_EVENTS
            for number in range(self._log.partition_count(topic))
        ]
        starts = dict(await asyncio.to_thread(self._log.starts, [*own, *others]))
        for topic, number in others:
            place = topic, number
            starts[place] = max(starts[place], int(self._cursors.position_of(_subject(place)) or 0))
        self._positions = starts
        for topic, number in own:
            _, end = await self._log.watermarks(topic, number)
            async for batch in self._log.read(topic, number, starts[topic, number], end):
                for record in batch:
                    self._remember(record, is_old=True)
            starts[topic, number] = end
        return await asyncio.to_thread(self._log.feed, starts)

    async def read(self, records: Sequence[Inbound]) -> None:
        """Take in what was written to the journals, and tell what it means."""
        news: list[AlertConditionReported] = []
        rejudged = False
        for record in records:
            self._positions[record.topic, record.partition] = record.offset + 1
            if record.topic == Topic.ALERTS_EVENTS:
                rejudged |= self._remember(record)
            seen = self._meant(record)
            if seen is not None and self._is_news(seen):
                self._told[seen.about] = seen
                news.append(seen)
        await self._tell(news)
        if rejudged:  # other rules count from now on, also for what holds already
            now = self._now()
            holding = [about for about, seen in self._told.items() if seen.holds]
            await self._tell([AlertTimeReached(about=about, due_at=now, occurred_at=now) for about in holding])

    async def look(self) -> None:
        """Look at tasks, polls and tables, and tell what differs from what was told."""
        now = self._now()
        seen = [
            *conditions.of_tasks(self._tasks(), now),
            *conditions.of_polls(self._polls(), now, silent_after_s=self._settings.silent_after_s),
        ]
        looked_at: tuple[str, ...] = OF_PROCESSES
        try:
            needs, bridge = await asyncio.to_thread(self._tables)
        except SaldoError as error:
            seen.append(conditions.tables_away(str(error).partition("\n")[0], now))
        else:
            seen += conditions.of_rows(needs, bridge, now)
            looked_at = (*OF_PROCESSES, OF_TABLES, TABLES_AWAY)
        here = {one.about for one in seen}
        over = [
            _over(known, now)
            for about, known in self._told.items()
            if known.holds and about not in here and about.startswith(looked_at)
        ]
        news = [one for one in (*map(self._begun, seen), *over) if self._is_news(one)]
        for one in news:
            self._told[one.about] = one
        await self._tell(news)

    async def tell_time(self) -> None:
        """Tell each key that asked for an instant that it has come."""
        now = self._now()
        due = [(about, when) for about, when in self._wakes.items() if when <= now]
        await self._tell([AlertTimeReached(about=about, due_at=when, occurred_at=now) for about, when in due])
        for about, _ in due:
            del self._wakes[about]

    async def mark(self) -> None:
        """Remember how far the journals were read."""
        for place, position in self._positions.items():
            name = _subject(place)
            if place[0] != Topic.ALERTS_EVENTS and self._cursors.position_of(name) != str(position):
                await self._cursors.mark(name, str(position))
        self._marked_at = monotonic_s()

    def _remember(self, record: Inbound, *, is_old: bool = False) -> bool:
        """Take in what raise-alerts wrote; return whether other rules count from now on."""
        event = self._decoded(record)
        match event:
            case AlertConditionNoted():
                known = self._told.get(event.about)
                if known is None or known.occurred_at <= event.occurred_at:
                    self._told[event.about] = event
                self._wake(event.about, event.wake_at)
            case AlertQueued():
                self._wake(event.about, event.wake_at)
            case AlertsNotified() if not event.is_test:
                self._wake(event.about, None)
            case RulesAdopted():
                return not is_old
        return False

    def _wake(self, about: str, at: datetime | None) -> None:
        self._wakes.pop(about, None)
        if at is not None:
            self._wakes[about] = at

    def _meant(self, record: Inbound) -> AlertConditionReported | None:
        if record.topic == Topic.PAYMENTS_OBSERVATIONS:
            if header_text(record.headers, "ce_source") != f"saldo/{INGRESS}":
                return None
            return conditions.heard(HOOK, "no hook", record.entered_at)
        if header_text(record.headers, "ce_type") not in TELLING or not self._marks.accept(_position(record)):
            return None
        return conditions.of_record(self._decoded(record), record.entered_at)

    def _decoded(self, record: Inbound) -> Any:
        try:
            return self._codec.decode_as_written(record.value)
        except Unreadable as error:  # its own reader says so too, and stops or parks it
            where = f"{record.topic}/{record.partition}/{record.offset}"
            logger.warning("record passed over", extra={"at": where, "error": str(error)})
            return None

    def _is_news(self, seen: AlertConditionReported) -> bool:
        """Return whether a word says something that was not told before, and is not older."""
        known = self._told.get(seen.about)
        if known is None:
            return seen.holds
        if seen.occurred_at < known.occurred_at or not (seen.holds or known.holds):
            return False
        if seen.about == HOOK:
            return (seen.since_at - known.since_at).total_seconds() >= _HEARD_EVERY_S
        return any(getattr(seen, name) != getattr(known, name) for name in _MEASURED)

    def _begun(self, seen: AlertConditionReported) -> AlertConditionReported:
        """Return it as it began when it was first seen, where nothing else says since when."""
        known = self._told.get(seen.about)
        if known is not None and known.holds and seen.about.startswith(_SEEN_SINCE):
            return replace(seen, since_at=known.since_at)
        return seen

    async def _tell(self, words: Sequence[AlertConditionReported | AlertTimeReached]) -> None:
        for first in range(0, len(words), _TAKE):
            await self._log.append(
                [
                    Outbound.of(
                        word,
                        topic=Topic.ALERTS_INBOX,
                        source=SOURCE,
                        at=word.occurred_at,
                        codec=self._codec,
                        log=self._log,
                    )
                    for word in words[first : first + _TAKE]
                ]
            )


def rows_of(open_reader: Callable[[], Any]) -> Asking:
    """Return how the tables are asked; the reader is opened for each look, since the projector may come and go.

    Raises: SaldoError, each time that they can't be asked.
    """

    def ask() -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
        from projections.reports import questions
        from projections.serving.metrics import needs_a_person

        reader = open_reader()
        if reader is None:
            raise Unavailable("no projector answers; `saldo run projector` starts one")
        try:
            return needs_a_person(reader), questions.ask(reader, questions.load("bridge_by_currency"), {}).records
        finally:
            reader.close()

    return ask


def _over(known: AlertConditionReported | AlertConditionNoted, now: datetime) -> AlertConditionReported:
    measured = {name: getattr(known, name) for name in _MEASURED} | {"holds": False}
    return AlertConditionReported(about=known.about, occurred_at=now, **measured)


def _position(record: Inbound) -> Any:
    try:
        return source_position(record.headers)
    except ValueError:
        return None


def _subject(place: Partition) -> str:
    return f"{place[0]}/{place[1]}"
