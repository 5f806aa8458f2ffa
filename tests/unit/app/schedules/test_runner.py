"""Each due time is run once, by one process, whenever a process is killed; how a run ended is a record."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.alerts import conditions
from app.schedules.launching import CommandLauncher
from app.schedules.runner import MOST_ATTEMPTS, TOPIC, Ended, ScheduleRunner
from app.settings.schedules import OneSchedule
from schemas import catalog
from schemas.records.schedules import ScheduleDefined, ScheduleRunBegun, ScheduleRunEnded, ScheduleRunOutcome
from schemas.wire.codec import Codec
from streams.log.memory import MemoryLog

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAILY = OneSchedule(cron="0 6 * * *", zone="Europe/Berlin", command="report days -o close-{day_before}.csv")


class Installation:
    """A log, a clock, and processes that come and go."""

    def __init__(self) -> None:
        self.log = MemoryLog(dict.fromkeys(catalog.topics(), 1))
        self.now = NOON
        self.launched: list[tuple[str, ...]] = []
        self.outcome: Ended | None = Ended(0, "done")
        self.pid = 0

    async def launch(self, schedule: str, words: tuple[str, ...], ends_within_s: float) -> Ended:
        self.launched.append(words)
        if self.outcome is None:
            await asyncio.Event().wait()
        assert self.outcome is not None
        return self.outcome

    async def start(self, host: str = "till-3", **schedules: OneSchedule) -> ScheduleRunner:
        self.pid += 1
        named = schedules or {"close": DAILY}
        runner = ScheduleRunner(self.log, Codec(), named, self.launch, host=host, pid=self.pid, now=lambda: self.now)
        await runner.define()
        return runner

    async def look(self, runner: ScheduleRunner) -> None:
        runner.look()
        await runner.settle()

    def records(self, kind: type) -> list[Any]:
        found = [Codec().decode_as_written(record.value) for record in self.log.records(TOPIC, 0)]
        return [record for record in found if isinstance(record, kind)]


async def kill(runner: ScheduleRunner) -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await runner.end()


async def test_it_runs_when_it_is_due_and_not_before() -> None:
    here = Installation()
    runner = await here.start()
    await here.look(runner)
    assert here.launched == []
    here.now = datetime(2026, 12, 1, 5, 0, 1, tzinfo=UTC)
    await here.look(runner)
    await here.look(runner)
    assert here.launched == [("report", "days", "-o", "close-2026-11-30.csv")]
    (ended,) = here.records(ScheduleRunEnded)
    assert (ended.outcome, ended.due_at) == (ScheduleRunOutcome.DONE, datetime(2026, 12, 1, 5, tzinfo=UTC))


async def test_missed_runs_are_caught_up_once() -> None:
    here = Installation()
    await here.start()
    here.now += timedelta(days=4)
    runner = await here.start()
    await here.look(runner)
    await here.look(runner)
    (begun,) = here.records(ScheduleRunBegun)
    assert (begun.missed_count, begun.missed_since_at) == (3, datetime(2026, 12, 1, 5, tzinfo=UTC))
    assert len(here.launched) == 1


async def test_a_run_that_was_killed_is_taken_on_and_given_up_in_the_end() -> None:
    here = Installation()
    here.outcome = None
    runner = await here.start()
    here.now += timedelta(days=1)
    for _ in range(MOST_ATTEMPTS):
        runner.look()
        await kill(runner)
        runner = await here.start()
    await here.look(runner)
    begun = here.records(ScheduleRunBegun)
    assert [one.attempt for one in begun] == [1, 2, 3]
    assert len({one.due_at for one in begun}) == 1
    (ended,) = here.records(ScheduleRunEnded)
    assert ended.outcome is ScheduleRunOutcome.INTERRUPTED
    await here.look(runner)
    assert len(here.launched) == MOST_ATTEMPTS


async def test_a_run_that_ended_before_the_kill_is_not_run_again() -> None:
    here = Installation()
    runner = await here.start()
    here.now += timedelta(days=1)
    await here.look(runner)
    await here.look(await here.start())
    assert len(here.launched) == 1


async def test_of_two_machines_one_runs_it_and_the_other_waits_until_it_must_be_over() -> None:
    here = Installation()
    here.outcome = None
    one, other = await here.start("till-3"), await here.start("till-4")
    here.now += timedelta(days=1)
    one.look()
    other.look()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(here.launched) == 1
    await one.end()
    other.look()
    await asyncio.sleep(0)
    assert len(here.launched) == 1
    here.now += timedelta(seconds=DAILY.ends_within_s)
    here.outcome = Ended(0, "")
    await here.look(other)
    assert [begun.attempt for begun in here.records(ScheduleRunBegun)][-1] == 2
    await other.end()


async def test_what_failed_raises_an_alert_until_a_run_is_well() -> None:
    here = Installation()
    runner = await here.start()
    for outcome, holds in (
        (Ended(3, "left out: row 4"), True),
        (Ended(None, "was ended"), True),
        (Ended(0, ""), False),
    ):
        here.outcome = outcome
        here.now += timedelta(days=1)
        await here.look(runner)
        seen = conditions.of_record(here.records(ScheduleRunEnded)[-1], here.now)
        assert seen is not None
        assert (seen.about, seen.condition, seen.holds) == ("schedule/close", "schedule failed", holds)
    outcomes = [ended.outcome.value for ended in here.records(ScheduleRunEnded)]
    assert outcomes == ["FAILED", "TIMED_OUT", "DONE"]


async def test_a_changed_schedule_owes_nothing_of_the_time_before() -> None:
    here = Installation()
    await here.start()
    here.now += timedelta(days=3)
    hourly = DAILY.model_copy(update={"cron": "0 * * * *"})
    runner = await here.start(close=hourly)
    await here.look(runner)
    assert here.launched == []
    await here.start(other=hourly)
    assert [(one.schedule, one.is_dropped) for one in here.records(ScheduleDefined)][-2:] == [
        ("other", False),
        ("close", True),
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ends with its parent on Linux alone")
async def test_a_command_that_never_ends_is_ended(tmp_path: Path) -> None:
    launcher = CommandLauncher(tmp_path, {"PYTHONPATH": "/nowhere"})
    ended = await launcher("close", ("--help",), 0.0)
    assert ended.exit_code is None
    assert "was ended after 0 s" in ended.detail
