"""`saldo run schedules`: runs what the settings name when it is due, each due time once.

A run is claimed before it is begun (docs/adr/0113): of several processes the first may. Its command is a process of its
own that ends with this one. After a kill the run that was open is taken on as its next attempt, since what may be
scheduled counts once however often it comes; of due times that passed meanwhile the newest is run, the others counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from app.schedules.due import Owed, due_times, owed
from app.schedules.history import History, Schedule
from app.settings.schedules import OneSchedule
from schemas.failures import ContractBroken
from schemas.records.schedules import ScheduleDefined, ScheduleRunBegun, ScheduleRunEnded, ScheduleRunOutcome
from schemas.topic import Topic
from schemas.values.clock import utc_now
from schemas.wire.codec import Codec
from streams.edges.claim_topic import ClaimTopic
from streams.log.credentials import SCHEDULES
from streams.log.ports import Log

logger = logging.getLogger(__name__)

TOPIC: Final = Topic.SCHEDULES_RUNS
# A run whose process is killed each time is given up after so many.
MOST_ATTEMPTS: Final = 3
_LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; exit_code is None for one that was ended, detail is what it printed last."""

    exit_code: int | None
    detail: str


class Launcher(Protocol):
    """Runs one command of saldo."""

    async def __call__(self, schedule: str, words: tuple[str, ...], ends_within_s: float) -> Ended:
        """Run it to its end, and end it when the time is over or this call is cancelled."""
        ...


class ScheduleRunner:
    """Every schedule of one installation. Times enter by `now`, so that tests decide what time it is."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        schedules: Mapping[str, OneSchedule],
        launch: Launcher,
        *,
        host: str,
        pid: int,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`host` names the data directory whose lock this process holds: no other process of it is alive."""
        self._log = log
        self._topic = ClaimTopic(log, codec, TOPIC, source=f"saldo/{SCHEDULES}")
        self._schedules = schedules
        self._launch = launch
        self._host, self._by, self._now = host, f"{host}, process {pid}", now
        self._history = History()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    async def run(self, stop: asyncio.Event, looked: Callable[[], None]) -> None:
        """Run what is due until asked to stop; `looked` hears each look. What runs then is ended, and taken on later.

        Raises: DeliveryFailed, Unavailable, ContractBroken of the log: the process ends, its supervisor starts it.
        """
        await self.define()
        try:
            while not stop.is_set():
                self.look()
                looked()
                done = [task for task in self._running.values() if task.done()]
                for task in done:
                    task.result()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), timeout=_LOOK_EVERY_S)
        finally:
            await self.end()

    async def define(self) -> None:
        """Read what is known, and write down what the settings name otherwise than before."""
        for partition in range(self._log.partition_count(TOPIC)):
            await self._read_on(partition)
        now = self._now()
        for name, wanted in self._schedules.items():
            if not self._known(name).is_defined_as(wanted):
                await self._append(_defined(name, wanted, now))
        for name, known in tuple(self._history.schedules.items()):
            if name not in self._schedules and known.defined is not None and not known.defined.is_dropped:
                await self._append(replace(known.defined, is_dropped=True, occurred_at=now))

    def look(self) -> None:
        """Begin whatever is owed of schedules that do not run."""
        now = self._now()
        for name, schedule in self._schedules.items():
            task = self._running.get(name)
            if task is not None and not task.done():
                continue
            known = self._known(name)
            if (begun := known.open_run) is not None:
                if self._may_take_on(schedule, begun, now):
                    self._running[name] = asyncio.create_task(self._take_on(name, schedule, begun))
            elif (up_to := known.run_up_to) is not None:
                wanted = owed(schedule.cron, schedule.zone, up_to, now)
                if wanted is not None:
                    self._running[name] = asyncio.create_task(self._run(name, schedule, wanted, attempt=1))

    async def end(self) -> None:
        """End what runs."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def settle(self) -> None:
        """Wait until nothing runs; for tests.

        Raises: what a run raised.
        """
        await asyncio.gather(*self._running.values())

    def _may_take_on(self, schedule: OneSchedule, begun: ScheduleRunBegun, now: datetime) -> bool:
        """Whether the process of an open run is certainly gone: one of ours is, another's once its time is over."""
        is_of_ours = begun.begun_by.rpartition(", process ")[0] == self._host
        return is_of_ours or now - begun.occurred_at >= timedelta(seconds=schedule.ends_within_s)

    async def _take_on(self, name: str, schedule: OneSchedule, begun: ScheduleRunBegun) -> None:
        if begun.attempt >= MOST_ATTEMPTS:
            detail = f"its process was ended {begun.attempt} times within this run; see the log of that machine"
            await self._append(self._ended(begun, ScheduleRunOutcome.INTERRUPTED, None, detail))
            return
        wanted = Owed(begun.due_at, begun.missed_count, begun.missed_since_at)
        await self._run(name, schedule, wanted, attempt=begun.attempt + 1)

    async def _run(self, name: str, schedule: OneSchedule, wanted: Owed, *, attempt: int) -> None:
        words = schedule.words(wanted.due_at.astimezone(ZoneInfo(schedule.zone)).date())
        claim = ScheduleRunBegun(
            schedule=name,
            due_at=wanted.due_at,
            attempt=attempt,
            missed_count=wanted.missed_count,
            missed_since_at=wanted.missed_since_at,
            command=" ".join(words),
            begun_by=self._by,
            occurred_at=self._now(),
        )
        offset = await self._append(claim)
        known = self._known(name)
        if known.due_at != wanted.due_at or known.begun[attempt][0] != offset:
            return  # another process was first
        logger.info(
            "schedule begins", extra={"schedule": name, "due_at": wanted.due_at.isoformat(), "attempt": attempt}
        )
        ended = await self._launch(name, words, schedule.ends_within_s)
        outcome = ScheduleRunOutcome.TIMED_OUT
        if ended.exit_code is not None:
            outcome = ScheduleRunOutcome.FAILED if ended.exit_code else ScheduleRunOutcome.DONE
        await self._append(self._ended(claim, outcome, ended.exit_code, ended.detail))
        logger.info("schedule ended", extra={"schedule": name, "outcome": outcome.value, "exit_code": ended.exit_code})

    def _ended(
        self, begun: ScheduleRunBegun, outcome: ScheduleRunOutcome, exit_code: int | None, detail: str
    ) -> ScheduleRunEnded:
        return ScheduleRunEnded(
            schedule=begun.schedule,
            due_at=begun.due_at,
            attempt=begun.attempt,
            outcome=outcome,
            exit_code=exit_code,
            detail=detail,
            begun_at=begun.occurred_at,
            occurred_at=self._now(),
        )

    def _known(self, name: str) -> Schedule:
        return self._history.schedules.setdefault(name, Schedule())

    async def _append(self, entry: ScheduleDefined | ScheduleRunBegun | ScheduleRunEnded) -> int:
        """Write a record, and read on to it; return its offset."""
        async with self._turn:
            partition = self._topic.partition_of(entry.schedule)
            offset = await self._topic.append(partition, entry)
            await self._read_on(partition)
            return offset

    async def _read_on(self, partition: int) -> None:
        async for offset, entry in self._topic.read_on(partition):
            if not isinstance(entry, ScheduleDefined | ScheduleRunBegun | ScheduleRunEnded):
                raise ContractBroken(f"{TOPIC}/{partition}/{offset} is a {type(entry).__name__} and no schedule")
            self._history.take(offset, entry)


def _defined(name: str, wanted: OneSchedule, now: datetime) -> ScheduleDefined:
    return ScheduleDefined(
        schedule=name,
        cron=wanted.cron,
        zone=wanted.zone,
        command=wanted.command,
        ends_within_s=wanted.ends_within_s,
        is_dropped=False,
        occurred_at=now,
    )


def next_due(schedule: OneSchedule, after: datetime) -> datetime | None:
    """Return when a schedule is due next; None for one that never is."""
    return next(due_times(schedule.cron, schedule.zone, after), None)
