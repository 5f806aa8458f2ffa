"""Streams of the workbench: one look serves everybody, no move between two is missed, a gone page leaves nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from projections.console import live
from projections.console.live import Live
from projections.store.errors import StoreBusy


class Positions:
    """A read side that moves when the test says so; looks are counted."""

    def __init__(self) -> None:
        self.at = 1
        self.look_count = 0
        self.is_away = False

    def __call__(self) -> str:
        self.look_count += 1
        if self.is_away:
            raise StoreBusy("away", retry_after_s=1.0)
        return str(self.at)


@pytest.fixture
def positions(monkeypatch: pytest.MonkeyPatch) -> Positions:
    monkeypatch.setattr(live, "_LOOK_EVERY_S", 0.01)
    return Positions()


async def stream(of: Live, heard: str = "") -> AsyncIterator[Any]:
    headers = [(b"last-event-id", heard.encode())] if heard else []
    answer = await of.answer(Request({"type": "http", "method": "GET", "path": "/live", "headers": headers}))
    assert isinstance(answer, StreamingResponse)
    return answer.body_iterator.__aiter__()


def events(pieces: list[Any]) -> list[tuple[str, str]]:
    return re.findall(r"event: (\w+)\nid: (\w+)", b"".join(pieces).decode())


def test_a_stream_says_where_it_stands_and_each_move_and_ends_by_itself(positions: Positions) -> None:
    async def listened() -> list[Any]:
        found = []
        async for piece in await stream(Live(positions, lasts_s=0.3)):
            found.append(piece)
            positions.at += len(found) == 2
        return found

    (here, first), (moved, second) = events(asyncio.run(listened()))
    assert (here, moved, first != second) == ("here", "moved", True)


def test_what_happened_between_two_streams_is_said_by_the_second(positions: Positions) -> None:
    async def again() -> list[tuple[str, str]]:
        one = Live(positions, lasts_s=0.05)
        ((_, heard),) = events([piece async for piece in await stream(one)])
        assert events([piece async for piece in await stream(one, heard)]) == []
        positions.at += 1
        return events([piece async for piece in await stream(one, heard)])

    ((event, _),) = asyncio.run(again())
    assert event == "moved"


def test_many_listen_by_one_look_and_leave_nothing(positions: Positions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LOOK_EVERY_S", 60.0)
    monkeypatch.setattr(live, "_MOST_LISTENERS", 40)

    async def all_of_them() -> tuple[int, int, int]:
        one = Live(positions)
        tasks = [asyncio.create_task(drained(await stream(one))) for _ in range(40)]
        await asyncio.sleep(0.2)
        listening = one.listener_count
        refused = await one.answer(Request({"type": "http", "method": "GET", "path": "/live", "headers": []}))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return listening, refused.status_code, one.listener_count

    assert asyncio.run(all_of_them()) == (40, 204, 0)
    assert positions.look_count == 1


def test_a_read_side_that_is_away_ends_the_stream(positions: Positions) -> None:
    positions.is_away = True

    async def listened() -> list[Any]:
        return [piece async for piece in await stream(Live(positions))]

    assert events(asyncio.run(listened())) == []


async def drained(pieces: AsyncIterator[Any]) -> None:
    async for _ in pieces:
        pass
