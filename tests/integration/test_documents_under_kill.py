"""Documents and records that are data, on a real broker: the worker is killed between a save and its outcome."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from infra.sandboxes.abas.state import DEFAULT_PASSWORD
from schemas.records.erp import DocumentPosted, PostDocument, RecordSaved, SaveRecord
from schemas.wire.codec import Codec
from streams.log.kafka import KafkaLog
from streams.log.outbound import Outbound
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox
from tests.support.erp_data import PROFILES, customer, deposit, fee, sales_order, seed_ledger
from tests.support.kafka import client_options, running_broker
from tests.support.signing import command_headers
from tests.support.worker_process import Workers, make_our_topics, outbound, produce, read_all, split_repeats

pytestmark = pytest.mark.journey

COMMANDS, OUTCOMES = "erp.commands.v1", "erp.outcomes.v1"
EACH = 6
KILLS = 3
CODEC = Codec()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of this module's own, for its topics carry the catalogue's names."""
    with running_broker(tmp_path_factory.mktemp("documents")) as running:
        make_our_topics(running)
        yield running


@pytest.fixture
async def log(broker: str) -> AsyncIterator[KafkaLog]:
    opened = KafkaLog({**client_options(broker), "log_level": 2})
    yield opened
    await asyncio.to_thread(opened.close)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas")) as running:
        running.seed()
        seed_ledger(running)
        yield running


def signed(record: PostDocument | SaveRecord, number: int) -> Outbound:
    plain = outbound(COMMANDS, record)
    headers = command_headers(COMMANDS, record, plain.value, f"command-{number}")
    return Outbound(topic=COMMANDS, partition=plain.partition, key=plain.key, value=plain.value, headers=headers)


def held(sandbox: AbasSandboxProcess) -> Counter[str]:
    """How often abas holds what, by our reference or the shop's."""
    books = sandbox.admin("GET", "books")
    return Counter(
        [entry["posting_reference"] for entry in books["entries"]]
        + [order["shop_reference"] for order in books["sales_orders"]]
        + [one["shop_reference"] for one in books["customers"] if one["shop_reference"]]
    )


@pytest.mark.timeout(400)
async def test_a_worker_killed_between_save_and_outcome_doubles_and_loses_nothing(
    broker: str, log: KafkaLog, sandbox: AbasSandboxProcess, tmp_path: Path
) -> None:
    env = {
        "SALDO_ABAS_BASE_URL": sandbox.base_url,
        "SALDO_ABAS_PASSWORD": DEFAULT_PASSWORD,
        "SALDO_ABAS_PROFILE_PATH": str(PROFILES["de"]),
        "SALDO_ABAS_VARIABLE_LANGUAGE": "de",
        "SALDO_ABAS_OUTCOME_WAIT_S": "2",
    }
    wanted: list[PostDocument | SaveRecord] = [
        *(fee(f"FEE-{n}") for n in range(EACH)),
        *(deposit(f"DEP-{n}") for n in range(EACH)),
        *(customer(f"SHOP-{n}") for n in range(EACH)),
        *(sales_order(f"WC-{n}", {"a": ("10001", "2", "45.00"), "b": ("10002", "1", "9.95")}) for n in range(EACH)),
    ]
    workers = Workers(broker, tmp_path, env=env)
    try:
        produce(broker, [signed(record, number) for number, record in enumerate(wanted)])
        for kill in range(KILLS):
            process = workers.start(f"worker-{kill}")
            before = len(held(sandbox))
            deadline = time.monotonic() + 120
            while len(held(sandbox)) <= before:
                assert time.monotonic() < deadline, (tmp_path / f"worker-{kill}.log").read_text()[-3_000:]
                await asyncio.sleep(0.02)  # sooner than the next document, and the worker needs the processor
            os.kill(process.pid, signal.SIGKILL)  # nothing of the batch in hand has its outcome yet
            process.wait()
        workers.start("last")
        outcomes = await every_outcome(log, len(wanted))
    finally:
        workers.stop()
    assert held(sandbox) == Counter(name(record) for record in wanted)
    assert Counter(map(name, outcomes)) == Counter(name(record) for record in wanted)
    assert all(isinstance(outcome, DocumentPosted | RecordSaved) for outcome in outcomes)
    orders = sandbox.admin("GET", "books")["sales_orders"]
    assert [[row["row_key"] for row in order["rows"]] for order in orders] == [["a", "b"]] * EACH


def name(record: object) -> str:
    return str(getattr(record, "posting_reference", None) or getattr(record, "natural_key", None))


async def every_outcome(log: KafkaLog, count: int) -> Sequence[object]:
    """What the sink's journal says once it says so much, repeats left out."""
    deadline = time.monotonic() + 180
    while True:
        accepted, _ = split_repeats(await read_all(log, OUTCOMES))
        found = [CODEC.decode(record.value) for record in accepted]
        outcomes = [record for record in found if hasattr(record, "kind")]
        if len(outcomes) >= count:
            return outcomes
        assert time.monotonic() < deadline, f"{len(outcomes)} of {count} outcomes"
        await asyncio.sleep(0.3)
