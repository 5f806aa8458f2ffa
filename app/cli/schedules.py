"""`saldo schedules`: what the settings schedule, when it is due and how it last ended; `saldo close-day`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, connect
from app.cli.identity import needs
from app.output.terminal import say

if TYPE_CHECKING:
    from app.schedules.history import History, Schedule

NOT_CLOSED = 1


def register(app: typer.Typer) -> None:
    """Hang `schedules list` and `close-day` below the root."""
    operators.add_group(app, "schedules", "What runs when it is due (docs/schedules.md).", {"list": list_schedules})
    app.command("close-day")(close_day)


@needs("read")
def list_schedules(bootstrap_servers: BootstrapServers = None) -> None:
    """List what the settings schedule.

    When it is due next, and how its newest run stands.
    `saldo report schedule_runs` has every run.
    """
    from app.schedules.runner import next_due
    from app.settings.settings import load_settings

    schedules = load_settings().schedules.named
    if not schedules:
        say("nothing is scheduled; docs/schedules.md says how")
        return
    known, now = _history(bootstrap_servers).schedules, datetime.now(UTC)
    for name, schedule in schedules.items():
        due = next_due(schedule, now)
        say(f"{name}  {schedule.cron} ({schedule.zone})  saldo {schedule.command}")
        say(f"    next {due:%Y-%m-%d %H:%M} UTC" if due else "    is never due again")
        say(f"    {_newest(known.get(name))}")


@needs("read")
def close_day(
    day: Annotated[str, typer.Argument(help="The day, 2026-11-24; default is yesterday.")] = "",
) -> None:
    """Say whether a day closes.

    It does when every cent that was known at its end is posted, waits or is parked.
    Exit code 1: a residual is left, so the day does not close.
    """
    from app.cli.asking import reader_of
    from app.settings.settings import load_settings
    from projections.reports import questions
    from projections.reports.days import instant_of
    from schemas.values.money import shown

    settings, now = load_settings(), datetime.now(UTC)
    zone = settings.paytrace.time_zone
    asked = day or (now.astimezone(settings.paytrace.zone).date() - timedelta(days=1)).isoformat()
    instant = instant_of(asked, zone=zone, now=now)
    report = questions.load("bridge_by_currency")
    values = questions.values_for(report, {}, day_zone=zone, now=instant)
    with reader_of(settings) as reader:
        rows = questions.ask(reader, report, values, as_of=instant).records
    if not rows:
        say(f"{asked}: nothing is known of that day or before")
    for row in rows:
        currency, minor = str(row["currency"]), int(row["residual_minor"])
        amounts = {term: shown(int(row[f"{term}_minor"]), currency) for term in ("net", "posted", "waiting", "parked")}
        says = ", ".join(f"{term} {amount}" for term, amount in amounts.items())
        verdict = "closes" if minor == 0 else f"does not close, residual {shown(minor, currency)}"
        say(f"{asked} {verdict}: {says}")
    if any(int(row["residual_minor"]) for row in rows):
        raise typer.Exit(NOT_CLOSED)


def _history(bootstrap_servers: str | None) -> History:
    """Return every schedule that the topic knows."""
    import asyncio

    from app.schedules.history import History
    from schemas.records.schedules import ScheduleDefined, ScheduleRunBegun, ScheduleRunEnded
    from schemas.topic import Topic
    from streams.log.kafka import opened

    connection, history = connect(bootstrap_servers), History()

    async def read() -> None:
        with connection.codec() as codec:
            async with opened(connection.kafka) as log:
                for partition in range(log.partition_count(Topic.SCHEDULES_RUNS)):
                    start, end = await log.watermarks(Topic.SCHEDULES_RUNS, partition)
                    async for batch in log.read(Topic.SCHEDULES_RUNS, partition, start, end):
                        for record in batch:
                            entry = codec.decode_as_written(record.value)
                            if isinstance(entry, ScheduleDefined | ScheduleRunBegun | ScheduleRunEnded):
                                history.take(record.offset, entry)

    asyncio.run(read())
    return history


def _newest(known: Schedule | None) -> str:
    """Return how the newest run stands, in words."""
    if known is None or known.due_at is None:
        return "has not run yet"
    due = f"due {known.due_at:%Y-%m-%d %H:%M} UTC"
    if known.ended is None:
        return f"{due}: runs, attempt {max(known.begun)}"
    outcome = known.ended.outcome.value.lower().replace("_", " ")
    return f"{due}: {outcome} at {known.ended.occurred_at:%Y-%m-%d %H:%M} UTC. {known.ended.detail}"
