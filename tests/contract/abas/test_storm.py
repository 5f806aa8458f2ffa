"""Many commands, one fault after the other, a server that dies: at the end each document is there exactly once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.profile import Profile
from connectors.abas.sink import AbasSink
from schemas.failures import Transient
from schemas.records.by_topic import ErpOutcomes
from schemas.records.erp import DocumentPosted, PostDocument
from tests.support.abas_commands import post_receipt, reverse_receipt, with_strategy
from tests.support.abas_sandbox import AbasSandboxProcess, open_item

STATUSES = {
    "RECORD_LOCKED": 409,
    "OTHER": 500,
    "UNAVAILABLE": 200,
    "MISSING_OBJECT": 400,
    "AUTHENTICATION_FAILURE": 403,
}
PATIENCE_S = 120.0
FAULTS: tuple[dict[str, Any], ...] = (
    {"cut_before": 1},
    {"cut_after": 1},
    {"cut_after": 2},
    {"unavailable": 3},
    {"internal_error": 1},
    {"rate_limited": 1},
    {"wrong_content_type": 2},
    {"login_expired": 1},
    {"slow_posting_s": 0.3},
    {"statuses": STATUSES},
    {},
)


async def post_until_done(sink: AbasSink, command: PostDocument) -> ErpOutcomes:
    """Do what the task layer does with a transient failure: try the same command again.

    The patience is time, not attempts: on a busy machine a killed server needs long to come back.
    """
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await sink.post(command)
            except Transient:
                await asyncio.sleep(0.05)


def audit(sandbox: AbasSandboxProcess, outcomes: dict[str, ErpOutcomes]) -> None:
    """Compare what the sink reported with abas' own books, and the books with themselves."""
    documents = sandbox.documents()
    assert Counter(d["posting_reference"] for d in documents) == Counter(list(outcomes))
    for document in documents:
        outcome = outcomes[document["posting_reference"]]
        assert isinstance(outcome, DocumentPosted)
        assert (outcome.document_id, outcome.lines[0].amount_minor) == (document["id"], document["amount_minor"])
    for item in sandbox.open_items():
        moved = sum(
            d["amount_minor"] * (1 if d["kind"] == "receipt" else -1) for d in documents if d["open_item"] == item["id"]
        )
        assert item["open_minor"] == item["amount_minor"] - moved
        assert item["filed"] is (item["open_minor"] == 0)


@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_a_storm_of_faults_loses_and_doubles_nothing(
    empty_sandbox: AbasSandboxProcess, profile: Profile, strategy: str
) -> None:
    rng = random.Random(20261124)
    chosen = with_strategy(profile, "editor" if strategy == "editor" else "infosystem")
    settings = empty_sandbox.settings(read_timeout_s=0.2, retry_initial_s=0.01, retry_max_s=0.05, write_attempts=3)
    items = empty_sandbox.seed(*[open_item(f"RE-{n}", "250.00") for n in range(15)])
    outcomes: dict[str, ErpOutcomes] = {}
    async with AbasClient(settings) as client:
        sink = AbasSink(client, chosen, settings)
        for number, item in enumerate(items):
            commands: list[PostDocument] = [post_receipt(f"PT{number}", item)]
            if number % 3 == 0:
                commands.append(reverse_receipt(f"PT{number}-R", f"PT{number}", item, minor=2500))
            for command in commands:
                empty_sandbox.faults(**{"slow_posting_s": 0, "statuses": {}, **rng.choice(FAULTS)})
                outcomes[command.posting_reference] = await post_until_done(sink, command)
    audit(empty_sandbox, outcomes)


@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_a_server_killed_again_and_again_loses_and_doubles_nothing(
    own_sandbox: AbasSandboxProcess, profile: Profile, strategy: str
) -> None:
    chosen = with_strategy(profile, "editor" if strategy == "editor" else "infosystem")
    items = own_sandbox.seed(*[open_item(f"RE-{n}", "250.00") for n in range(18)])
    settings = own_sandbox.settings(retry_max_s=0.2, read_attempts=2)
    outcomes: dict[str, ErpOutcomes] = {}
    async with AbasClient(settings) as client:
        sink = AbasSink(client, chosen, settings)

        time_to_kill = asyncio.Event()

        async def post_all() -> None:
            for number, item in enumerate(items):
                outcomes[f"PT{number}"] = await post_until_done(sink, post_receipt(f"PT{number}", item))
                if number % 6 == 5:
                    time_to_kill.set()

        posting = asyncio.create_task(post_all())
        for _ in range(2):
            waiting = asyncio.create_task(time_to_kill.wait())
            await asyncio.wait({waiting, posting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if posting.done():
                break
            time_to_kill.clear()
            own_sandbox.kill()
            await asyncio.sleep(0.1)
            await asyncio.to_thread(own_sandbox.start)
        await posting
    audit(own_sandbox, outcomes)
