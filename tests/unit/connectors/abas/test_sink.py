"""The sink's outcomes as records carry them, and a side without room for any call: nothing is parked for either."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasRefused
from connectors.abas.profile import load_profile
from connectors.abas.settings import SANDBOX_PROFILE, AbasSettings
from connectors.abas.sink import AbasSink
from connectors.abas.wire import ErpObject
from schemas import catalog
from schemas.checks.sensitive import find_sensitive
from schemas.records.erp import DocumentRefused
from schemas.records.tasks import RecordParked
from schemas.wire.codec import Codec
from streams.edges.post_to_abas import post_to_abas
from streams.log.memory import MemoryLog
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.abas_commands import post_receipt
from tests.support.signing import RING, SIGNER, by_hand

PROFILE, CODEC = load_profile(SANDBOX_PROFILE), Codec()
COMMANDS, OUTCOMES = "erp.commands.v1", "erp.outcomes.v1"
QUICK = AbasSettings(retry_initial_s=0.001, retry_max_s=0.002, read_attempts=2, write_attempts=2)


class Refusing:
    """abas, which holds nothing and says no in these words."""

    def __init__(self, refusal: AbasRefused) -> None:
        self._refusal = refusal

    async def query_page(self, *_: Any, **__: Any) -> tuple[ErpObject, ...]:
        return ()

    async def run_infosystem(self, *_: Any, **__: Any) -> ErpObject:
        raise self._refusal


@pytest.mark.parametrize(
    ("said", "code", "field_name"),
    [
        ("period\x00 closed\x7f", "OTHER/7", None),
        ("\x1b[31mclosed\x85", "OTHER/\x07", "valDate\x00"),
        ("card 4111 1111 1111 1111 is blocked", "OTHER/7", None),
        ("closed " * 100_000, "OTHER/7", "x" * 5_000),
        ("\ud800", "OTHER/\ud800", "\ud800"),
    ],
)
async def test_a_refusal_is_an_outcome_whatever_abas_writes_into_it(
    said: str, code: str, field_name: str | None
) -> None:
    sink = AbasSink(Refusing(AbasRefused(said, code=code, field_name=field_name)), PROFILE, QUICK)  # type: ignore[arg-type]  # stands in for the client
    outcome = await sink.post(post_receipt("PT7", "(1,900,0)"))
    assert isinstance(outcome, DocumentRefused)
    assert CODEC.decode(CODEC.encode(outcome)) == outcome
    assert len(CODEC.encode(outcome)) < 10_000
    assert find_sensitive("message", outcome.message) is None


async def test_a_side_that_is_busy_and_says_no_time_parks_nobody() -> None:
    """429 without Retry-After: the whole task waits, and no customer's document is to blame."""
    log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
    for number in range(4):
        command = post_receipt(f"PT{number}", "(1,900,0)", customer=f"7000{number}")
        key = catalog.topic(COMMANDS).key_of(command)
        await log.append([by_hand(log, COMMANDS, command, CODEC.encode(command), key=key)])
    busy = httpx2.MockTransport(lambda _: httpx2.Response(429, text="slow"))
    async with AbasClient(QUICK, transport=busy) as client:
        task = Task(
            post_to_abas(AbasSink(client, PROFILE, QUICK)),
            0,
            log=log,
            store=MemoryStore(),
            codec=CODEC,
            ring=RING,
            membership=SoleOwner(),
            observer=SilentObserver(),
            rules=TaskRules(),
        )
        async with asyncio.timeout(20):
            assert await task.catch_up() == 4, "all of them are still to be decided"
    reported = [CODEC.decode(record.value) for record in log.records(OUTCOMES, 0)]
    assert [one for one in reported if isinstance(one, RecordParked)] == []
