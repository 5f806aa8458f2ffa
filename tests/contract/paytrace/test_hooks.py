"""Hooks of the sandbox: signed, sent after every change, and the same fact as the poll, whatever the network does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.paytrace import wire
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.errors import UnreadableAnswer
from connectors.paytrace.hook import HOOK_TYPE, read_hook
from connectors.paytrace.ports import CardDetails, Charge
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.silent_post import parse_silent_post
from connectors.paytrace.source import PayTraceSource
from schemas.failures import SaldoError
from schemas.records.payments import ObservedBy, TransactionObserved, TransactionStatus
from tests.support.paytrace_payer import authorized, store_account
from tests.support.paytrace_sandbox import VISA, Sandbox, sandbox_in_process

SECRET = "whsec_c2FsZG8tdGVzdC1zZWNyZXQtb2YtMzItYnl0ZXMh"
TODAY = date(2026, 11, 24)
AT = datetime(2026, 11, 24, 20, tzinfo=UTC)
CARD = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("999"))


class Receiver:
    """Takes hooks; answers with the given statuses first and 204 afterwards."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.refused = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                if status == 204:
                    receiver.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                else:
                    receiver.refused += 1
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def await_hooks(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        wait_until(lambda: len(self.taken) >= count)
        return self.taken

    def records(self) -> list[TransactionObserved]:
        return [record for _, body in self.taken for record in read_hook(body, PayTraceSettings(), observed_at=AT)]


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "waited 20 s"
        time.sleep(0.02)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    thread = Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join(5)


@pytest.fixture
def hooked(sandbox: Sandbox, receiver: Receiver) -> Sandbox:
    sandbox.admin("hooks", {"url": receiver.url, "secret": SECRET})
    return sandbox


async def test_a_hook_that_waits_says_when_the_change_was_and_is_signed_when_it_is_sent(
    client: PayTraceClient, hooked: Sandbox, receiver: Receiver
) -> None:
    receiver.statuses = [503] * 4
    before = datetime.now(UTC)
    await client.sale_keyed(CARD, Charge(amount_minor=12500))
    after = datetime.now(UTC)
    [(headers, body)] = receiver.await_hooks(1)
    assert receiver.refused == 4
    reported = datetime.fromisoformat(json.loads(body)["timestamp"])
    # SQLite's clock goes in milliseconds.
    assert before - timedelta(milliseconds=5) <= reported <= after + timedelta(milliseconds=5)
    Webhook(SECRET).verify(body.decode(), headers)


async def test_a_hook_is_signed_and_reports_the_same_fact_as_the_poll(
    client: PayTraceClient, hooked: Sandbox, receiver: Receiver
) -> None:
    await client.sale_keyed(CARD, Charge(amount_minor=12500, invoice_number="RE-1"))
    debit = Charge(amount_minor=8055, invoice_number="RE-2")
    await client.pay_by_ach(store_account(hooked, "payer"), debit, idempotency_key="k")
    for headers, body in receiver.await_hooks(2):
        Webhook(SECRET).verify(body.decode(), headers)
    source = PayTraceSource(client, hooked.client_settings(), now=lambda: AT)
    polled = {subject: record async for subject, (record,) in source.poll(TODAY, TODAY)}
    for record in receiver.records():
        assert record.observed_by is ObservedBy.HOOK
        twin = polled[f"transaction/main/{record.paytrace_transaction_id}"]
        assert replace(record, observed_by=ObservedBy.POLL) == twin


async def test_every_change_is_reported_as_it_was_at_that_moment(
    client: PayTraceClient, hooked: Sandbox, receiver: Receiver
) -> None:
    receiver.statuses = [503] * 3
    first = (await authorized(client, Charge(amount_minor=5000))).transaction_id or ""
    await client.capture(first, 4000)
    hooked.admin("settle", {})
    receiver.await_hooks(3)
    reported = sorted((record.status, record.amount_minor) for record in receiver.records())
    assert reported == [
        (TransactionStatus.AUTHORIZED, 5000),
        (TransactionStatus.PENDING_SETTLEMENT, 4000),
        (TransactionStatus.SETTLED, 4000),
    ]
    assert receiver.refused >= 1


async def test_hooks_are_lost_doubled_late_and_out_of_order_on_demand(
    client: PayTraceClient, hooked: Sandbox, receiver: Receiver
) -> None:
    hooked.admin("faults", {"hook_lost": {"count": 1}})
    await client.sale_keyed(CARD, Charge(amount_minor=100))
    wait_until(lambda: hooked.admin("hooks")["waiting"] == 0)
    assert receiver.taken == []

    hooked.admin("faults", {"hook_duplicated": {"count": 1}})
    await client.sale_keyed(CARD, Charge(amount_minor=200))
    taken = receiver.await_hooks(2)
    assert taken[0][0]["webhook-id"] == taken[1][0]["webhook-id"]
    receiver.taken.clear()

    hooked.admin("faults", {"hook_late": {"count": 1, "seconds": 0.5}})
    await client.sale_keyed(CARD, Charge(amount_minor=300))
    await client.sale_keyed(CARD, Charge(amount_minor=400))
    receiver.await_hooks(2)
    assert [record.amount_minor for record in receiver.records()] == [400, 300]
    receiver.taken.clear()

    receiver.statuses = [503] * 2
    await client.sale_keyed(CARD, Charge(amount_minor=500))
    await client.sale_keyed(CARD, Charge(amount_minor=600))
    hooked.admin("faults", {"hook_reordered": True})
    receiver.await_hooks(2)
    assert {record.amount_minor for record in receiver.records()} == {500, 600}


async def test_a_wrong_clock_signs_what_no_window_accepts(
    client: PayTraceClient, hooked: Sandbox, receiver: Receiver
) -> None:
    hooked.admin("faults", {"hook_clock_skew": {"seconds": -3600}})
    await client.sale_keyed(CARD, Charge(amount_minor=100))
    [(headers, body)] = receiver.await_hooks(1)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRET).verify(body.decode(), headers)


async def test_a_silent_post_names_the_transaction(
    client: PayTraceClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    sandbox.admin("hooks", {"silent_post_url": receiver.url})
    answer = await client.sale_keyed(CARD, Charge(amount_minor=100, invoice_number="RE-1"))
    [(_, body)] = receiver.await_hooks(1)
    assert parse_silent_post(body).transaction_id == answer.transaction_id


async def test_hooks_that_waited_survive_kill_9(tmp_path: Path, receiver: Receiver) -> None:
    receiver.statuses = [503] * 1000
    with sandbox_in_process(tmp_path / "durable") as (sandbox, process):
        sandbox.admin("hooks", {"url": receiver.url, "secret": SECRET})
        async with PayTraceClient(sandbox.client_settings()) as client:
            answer = await client.sale_keyed(CARD, Charge(amount_minor=100))
        process.kill()
        process.wait()
    receiver.statuses = []
    with sandbox_in_process(tmp_path / "durable"):
        receiver.await_hooks(1)
    assert receiver.records()[0].paytrace_transaction_id == answer.transaction_id


def test_a_hook_without_a_secret_is_refused(sandbox: Sandbox) -> None:
    for secret in ("not base64 at all!", "", "whsec_"):
        with pytest.raises(OSError, match="400"):
            sandbox.admin("hooks", {"url": "http://127.0.0.1:1/", "secret": secret})
    for url in ("ftp://127.0.0.1/", "127.0.0.1", "http://a:x/", "http://"):
        with pytest.raises(OSError, match="400"):
            sandbox.admin("hooks", {"url": url, "secret": SECRET})
    assert sandbox.admin("hooks") == {"url": None, "silent_post_url": None, "waiting": 0}


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"type": "other", "data": {"transaction_id": 1}},
        {"type": HOOK_TYPE},
        {"type": HOOK_TYPE, "data": []},
        {"type": HOOK_TYPE, "data": [5]},
        {"type": HOOK_TYPE, "data": [{"transaction_id": 1}] * 1001},
    ],
)
def test_another_shape_is_unreadable(message: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        read_hook(wire.encode(message), PayTraceSettings(), observed_at=AT)


@given(st.binary(max_size=200))
def test_random_bytes_are_a_clear_error(body: bytes) -> None:
    with pytest.raises(SaldoError):
        read_hook(body, PayTraceSettings(), observed_at=AT)
