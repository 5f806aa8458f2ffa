"""The same payments through all three ways over HTTP: signed hooks and Silent Posts of the sandbox, and the poll.

Real broker, PayTrace sandbox as a server with its network faults switched on (hooks lost, late, doubled, out of order),
`saldo serve ingress` and `saldo run source paytrace` as processes, and the real payment task: payments.events.v1 holds
each fact once, whatever came by which way, also while PayTrace or one of the ways is away.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.ports import CardDetails, Charge
from schemas.records.payments import AuthorizationRecorded, CaptureRecorded, ObservedBy
from schemas.records.tasks import PositionMarked
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text
from streams.agents import FOLD_PAYMENTS
from streams.log.kafka import KafkaLog
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.ingress import INBOX, SECRET, SILENT_PATH, IngressProcess, ingress_in_process, settings
from tests.support.kafka import client_options, kafka_env, running_broker
from tests.support.paytrace_payer import authorized
from tests.support.paytrace_sandbox import VISA, Sandbox, sandbox_in_process
from tests.support.policies import by_shipped_rules
from tests.support.scan import read_messages, scan_logs, scan_topics
from tests.support.signing import RING
from tests.support.worker_process import make_our_topics

pytestmark = pytest.mark.journey

JOURNAL = "payments.events.v1"
CODEC = Codec()
CARD = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("999"))
SALES = 12


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    with running_broker(tmp_path / "broker") as running:
        make_our_topics(running)
        yield running


def paytrace_env(sandbox: Sandbox) -> dict[str, str]:
    return {
        "SALDO_PAYTRACE_BASE_URL": sandbox.base_url,
        "SALDO_PAYTRACE_USERNAME": "demo123",
        "SALDO_PAYTRACE_PASSWORD": "demo123",
        "SALDO_PAYTRACE_INTEGRATOR_ID": "saldo",
        "SALDO_PAYTRACE_MERCHANT_ID": "1",
        "SALDO_PAYTRACE_MAX_REQUESTS_PER_S": "500",
        "SALDO_PAYTRACE_MAX_CONCURRENT_REQUESTS": "20",
        "SALDO_PAYTRACE_LOOKBACK_WINDOW_DAYS": "2",
        "SALDO_PAYTRACE_ACH_LOOKBACK_WINDOW_DAYS": "2",
        "SALDO_POLLING_PAYTRACE_EVERY_S": "0.5",
    }


@contextmanager
def poller(directory: Path, broker: str, sandbox: Sandbox) -> Iterator[Path]:
    """`saldo run source paytrace` until the block ends."""
    log_path = directory / "poller.log"
    with log_path.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "run", "source", "paytrace"],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("SALDO_")},
                **paytrace_env(sandbox),
                **kafka_env(broker),
                "SALDO_DATA_DIR": str(directory),
                "SALDO_CONFIG": os.devnull,
            },
            stdout=output,
            stderr=output,
        )
    try:
        yield log_path
        assert process.poll() is None, log_path.read_text()[-2000:]
        process.send_signal(signal.SIGTERM)
        process.wait(90)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(60)


def messages(broker: str, topic: str) -> list[Message]:
    return list(read_messages(client_options(broker), [topic]))


def observations(broker: str) -> list[Any]:
    return [CODEC.decode(message.value()) for message in messages(broker, INBOX)]


def statuses(broker: str) -> Counter[tuple[str, str]]:
    """How often each status of each transaction was reported."""
    return Counter((seen.paytrace_transaction_id, seen.raw_status) for seen in observations(broker))


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.3)


async def trade(sandbox: Sandbox) -> list[str]:
    """A day: sales, some voided, some refunded, the batch closed. Returns the ids of the sales."""
    async with PayTraceClient(sandbox.client_settings()) as client:
        sales = []
        for number in range(SALES):
            answer = await client.sale_keyed(CARD, Charge(amount_minor=100_00 + number, invoice_number=f"RE-{number}"))
            sales.append(answer.transaction_id or "")
        await client.void(sales[0])
        held = await authorized(client, Charge(amount_minor=55_00))
        await client.capture(held.transaction_id or "", 55_00)
        sandbox.admin("settle", {})
        await client.refund(sales[1], 30_00)
    return sales


async def fold(broker: str) -> None:
    """Run the payment task over the inbox, as a worker would."""
    log = KafkaLog({**client_options(broker), "log_level": 2})
    for partition in range(log.partition_count(INBOX)):
        task = Task(
            by_shipped_rules(FOLD_PAYMENTS),
            partition,
            log=log,
            store=MemoryStore(),
            codec=CODEC,
            ring=RING,
            membership=SoleOwner(),
            observer=SilentObserver(),
            rules=TaskRules(failures_in_a_row=3, marker_every=1_000),
        )
        await task.catch_up()
    await asyncio.to_thread(log.close)


def facts(broker: str) -> Counter[tuple[Any, ...]]:
    """Every event of the journal without the moment of its observation; a fact reported twice counts two."""
    events = [CODEC.decode(message.value()) for message in messages(broker, JOURNAL)]
    return Counter(
        (type(event).__name__, *(getattr(event, f.name) for f in fields(event) if f.name != "occurred_at"))
        for event in events
        if not isinstance(event, PositionMarked | AuthorizationRecorded | CaptureRecorded)
    )


def books_agree(sandbox: Sandbox, reported: Counter[tuple[Any, ...]], *, blinks: bool = False) -> None:
    """PayTrace's own books against the journal: every capture, void, settlement and refund, each once.

    A source that blinks (a poll, lost hooks) may see a sale only after it was voided; then neither the capture nor its
    reversal is reported, which is the same money.
    """
    assert max(reported.values()) == 1, [fact for fact, count in reported.items() if count > 1]
    kinds = Counter(fact[0] for fact in reported)
    books = sandbox.books().values()
    unseen = {
        entry["id"]
        for entry in books
        if blinks
        and entry["state"] == "VOIDED"
        and not any(f[:2] == ("PaymentCaptured", entry["id"]) for f in reported)
    }
    paid = [
        entry
        for entry in books
        if entry["kind"] != "REFUND" and entry["state"] in {"SETTLED", "VOIDED"} and entry["id"] not in unseen
    ]
    assert kinds["PaymentCaptured"] == len(paid)
    assert kinds["PaymentSettled"] == sum(entry["state"] == "SETTLED" for entry in books if entry["kind"] != "REFUND")
    assert kinds["CaptureReversed"] == sum(entry["state"] == "VOIDED" for entry in paid)
    assert kinds["PaymentVoided"] == sum(entry["state"] == "VOIDED" for entry in books)
    assert kinds["RefundIssued"] == sum(entry["kind"] == "REFUND" for entry in books)
    captured = sorted(fact[4] for fact in reported if fact[0] == "PaymentCaptured")
    assert captured == sorted(entry["amount_minor"] for entry in paid)


def ways(broker: str) -> set[ObservedBy]:
    return {seen.observed_by for seen in observations(broker)}


def last_states_seen(sandbox: Sandbox, broker: str) -> bool:
    """Whether the present state of every transaction was reported by somebody."""
    seen = {(record.paytrace_transaction_id, record.status.value) for record in observations(broker)}
    wanted = {
        (entry["id"], {"PENDING": "PENDING_SETTLEMENT"}.get(entry["state"], entry["state"]))
        for entry in sandbox.books().values()
    }
    return wanted <= seen


def one_id_per_fact(broker: str) -> None:
    by_id: dict[str | None, set[tuple[Any, ...]]] = {}
    by_content: dict[tuple[Any, ...], set[str | None]] = {}
    for message in messages(broker, INBOX):
        record = CODEC.decode(message.value())
        content = tuple(getattr(record, f.name) for f in fields(record) if f.name not in {"observed_at", "observed_by"})
        headers: Any = message.headers()
        identity = header_text(headers, "ce_id")
        by_id.setdefault(identity, set()).add(content)
        by_content.setdefault(content, set()).add(identity)
    assert all(len(contents) == 1 for contents in by_id.values())
    assert all(len(ids) == 1 for ids in by_content.values())


def nothing_leaked(broker: str, *logs: Path) -> None:
    assert [*map(str, scan_topics(broker).leaks)] == []
    assert [*map(str, scan_logs(logs).leaks)] == []


def point_hooks_at(sandbox: Sandbox, ingress: IngressProcess, *, hook: bool = True, silent_post: bool = True) -> None:
    base = f"http://{ingress.client.host}:{ingress.client.port}"
    wanted: dict[str, str] = {}
    if hook:
        wanted |= {"url": f"{base}/hooks/paytrace", "secret": SECRET}
    if silent_post:
        wanted |= {"silent_post_url": f"{base}/silent-post/{SILENT_PATH}"}
    sandbox.admin("hooks", wanted)


@pytest.mark.timeout(300)
async def test_all_three_ways_under_faults_are_each_fact_once(broker: str, tmp_path: Path) -> None:
    with sandbox_in_process(tmp_path / "paytrace") as (sandbox, _):
        env = paytrace_env(sandbox)
        with ingress_in_process(tmp_path, broker, settings(), env) as ingress, poller(tmp_path, broker, sandbox) as log:
            point_hooks_at(sandbox, ingress)
            sandbox.admin(
                "faults",
                {
                    "hook_lost": {"share": 0.2},
                    "hook_duplicated": {"share": 0.3},
                    "hook_late": {"share": 0.3, "seconds": 1.5},
                    "hook_reordered": {"share": 0.3},
                    "http_503": {"share": 0.1},
                },
            )
            await trade(sandbox)
            sandbox.admin("faults", dict.fromkeys(sandbox.admin("faults")))
            wait_until(lambda: sandbox.admin("hooks")["waiting"] == 0, "the hooks to be sent")
            await asyncio.sleep(2.0)  # the late ones
            wait_until(lambda: last_states_seen(sandbox, broker), "every state to be reported")
            wait_until(lambda: len(ways(broker)) == 3, "all three ways")
        assert ways(broker) == {ObservedBy.HOOK, ObservedBy.SILENT_POST, ObservedBy.POLL}
        assert max(statuses(broker).values()) >= 2  # the same fact did come by several ways
        one_id_per_fact(broker)
        await fold(broker)
        books_agree(sandbox, facts(broker), blinks=True)
        nothing_leaked(broker, log, ingress.log_path)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("missing", ["poll", "hook"])
async def test_one_way_missing_is_the_same_books(broker: str, tmp_path: Path, missing: str) -> None:
    """Without the poll the hooks tell everything; without the hooks the poll and the Silent Posts do."""
    with sandbox_in_process(tmp_path / "paytrace") as (sandbox, _):
        with ingress_in_process(tmp_path, broker, settings(), paytrace_env(sandbox)) as ingress:
            point_hooks_at(sandbox, ingress, hook=missing != "hook")
            if missing == "poll":
                await trade(sandbox)
                wait_until(lambda: last_states_seen(sandbox, broker), "every state by hook")
            else:
                with poller(tmp_path, broker, sandbox):
                    await trade(sandbox)
                    wait_until(lambda: last_states_seen(sandbox, broker), "every state by poll")
        gone = {"poll": ObservedBy.POLL, "hook": ObservedBy.HOOK}[missing]
        assert gone not in ways(broker)
        one_id_per_fact(broker)
        await fold(broker)
        books_agree(sandbox, facts(broker), blinks=missing == "hook")


@pytest.mark.timeout(300)
async def test_a_silent_post_while_paytrace_is_away_is_found_by_the_poll(broker: str, tmp_path: Path) -> None:
    with sandbox_in_process(tmp_path / "paytrace") as (sandbox, _):
        async with PayTraceClient(sandbox.client_settings()) as client:
            sale = (await client.sale_keyed(CARD, Charge(amount_minor=77_00))).transaction_id or ""
        hint = f"parmList=ORDERID~1|TRANSACTIONID~{sale}|APPCODE~X|".encode()
        with ingress_in_process(tmp_path, broker, settings(), paytrace_env(sandbox)) as ingress:
            sandbox.admin("faults", {"http_503": {}})
            answer = ingress.client.silent_post(hint)
            assert (answer.status, answer.json["code"]) == (503, "gateway-away")
            assert int(answer.headers["retry-after"]) >= 1
            assert observations(broker) == []
            sandbox.admin("faults", {"http_503": None})
            with poller(tmp_path, broker, sandbox):
                wait_until(lambda: last_states_seen(sandbox, broker), "the poll")
            assert ingress.client.silent_post(hint).status == 200
        assert ways(broker) == {ObservedBy.POLL, ObservedBy.SILENT_POST}
        one_id_per_fact(broker)
        await fold(broker)
        assert Counter(fact[0] for fact in facts(broker)) == {"PaymentCaptured": 1}
