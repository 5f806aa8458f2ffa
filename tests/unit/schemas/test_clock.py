"""One clock for whatever the simulator runs, and whose time it is."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from schemas.values.clock import monotonic_s, new_uuid, running_on, utc_now

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
READS_A_CLOCK = re.compile(r"\b(?:time\.(?:monotonic|time|time_ns)|datetime\.now|uuid\.uuid4|uuid4|perf_counter_ns)\(")
# `saldo abas probe` is a command of a person.
NOT_SIMULATED = {"connectors/abas/probe.py"}


class Still:
    def utc_now(self) -> datetime:
        return NOON

    def monotonic_s(self) -> float:
        return 7.0

    def new_uuid(self) -> uuid.UUID:
        return uuid.UUID(int=1)


async def test_what_is_started_inside_has_the_clock_of_the_block_and_nothing_else() -> None:
    async def ask() -> tuple[datetime, float, int]:
        await asyncio.sleep(0)
        return utc_now(), monotonic_s(), new_uuid().int

    with running_on(Still()):
        inside = asyncio.create_task(ask())
    assert await inside == (NOON, 7.0, 1)
    assert utc_now() != NOON
    assert new_uuid() != new_uuid()
    assert monotonic_s() <= monotonic_s()


def simulated() -> Iterator[Path]:
    """Files of the rooms that the simulator runs."""
    for room in ("connectors", "infra/sandboxes", "streams/tasks", "streams/edges", "streams/domain", "app/sources"):
        yield from (ROOT / room).rglob("*.py")
    yield ROOT / "app" / "composition" / "posting_claims.py"
    yield ROOT / "app" / "operators" / "dead_letters.py"


def test_what_the_simulator_runs_reads_no_other_clock() -> None:
    named = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in simulated()}
    assert len(named) > 100
    readers = {name for name, text in named.items() if READS_A_CLOCK.search(text)}
    assert readers == NOT_SIMULATED, "ask schemas.values.clock"
