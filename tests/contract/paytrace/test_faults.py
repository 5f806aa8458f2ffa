"""A bad day at PayTrace: reads survive it, and money-moving calls are never repeated blindly."""

from __future__ import annotations

import logging
import sqlite3
from datetime import date
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.errors import (
    CallNotOffered,
    LoginRejected,
    PaymentOutcomeUnknown,
    PayTraceThrottled,
    PayTraceUnavailable,
    UnreadableAnswer,
)
from connectors.paytrace.ports import CardDetails, Charge
from tests.support.paytrace_sandbox import VISA, Sandbox, sandbox_in_process, sandbox_in_thread

TODAY = date(2026, 11, 24)
CARD = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("999"))
CHARGE = Charge(amount_minor=12500, invoice_number="RE-1")
SALE = "/v1/transactions/sale"
EXPORT = "/v1/transactions/export"


@pytest.mark.parametrize("fault", ["http_503", "html_page", "cut_before", "cut_after"])
async def test_a_read_is_repeated_until_it_works(client: PayTraceClient, sandbox: Sandbox, fault: str) -> None:
    await client.sale_keyed(CARD, CHARGE)
    sandbox.admin("faults", {fault: {"count": 2, "path": EXPORT}})
    assert len(await client.export_transactions(TODAY, TODAY)) == 1
    assert sandbox.admin("faults") == {}


async def test_a_read_gives_up_after_its_attempts(client: PayTraceClient, sandbox: Sandbox) -> None:
    sandbox.admin("faults", {"http_503": {"path": EXPORT}})
    with pytest.raises(PayTraceUnavailable):
        await client.export_transactions(TODAY, TODAY)


@pytest.mark.parametrize(("fault", "charges"), [("http_503", 0), ("html_page", 0), ("cut_before", 0), ("cut_after", 1)])
async def test_a_sale_without_an_answer_is_sent_once_and_can_be_looked_up(
    client: PayTraceClient, sandbox: Sandbox, fault: str, charges: int
) -> None:
    sandbox.admin("faults", {fault: {"count": 1, "path": SALE}})
    with pytest.raises(PaymentOutcomeUnknown) as unknown:
        await client.sale_keyed(CARD, CHARGE)
    assert unknown.value.reference == "RE-1"
    assert len(sandbox.books()) == charges
    assert len(await client.find_transactions(TODAY, TODAY, "RE-1")) == charges


async def test_a_sale_that_answers_too_late_is_not_repeated(sandbox: Sandbox) -> None:
    sandbox.admin("faults", {"latency_after": {"seconds": 2.0, "count": 1, "path": SALE}})
    async with PayTraceClient(sandbox.client_settings(read_timeout_s=0.3)) as client:
        with pytest.raises(PaymentOutcomeUnknown):
            await client.sale_keyed(CARD, CHARGE)
        assert len(await client.find_transactions(TODAY, TODAY, "RE-1")) == 1


async def test_a_sale_that_never_left_says_so(sandbox: Sandbox) -> None:
    settings = sandbox.client_settings()
    async with PayTraceClient(settings) as client:
        await client.sale_keyed(CARD, CHARGE)
        dead = PayTraceClient(settings.model_copy(update={"base_url": "http://127.0.0.1:1"}))
        async with dead:
            with pytest.raises(PayTraceUnavailable):
                await dead.sale_keyed(CARD, CHARGE)


async def test_expired_tokens_are_renewed_once_even_for_a_sale(client: PayTraceClient, sandbox: Sandbox) -> None:
    await client.sale_keyed(CARD, CHARGE)
    sandbox.admin("faults", {"expire_tokens": True})
    assert (await client.sale_keyed(CARD, CHARGE)).response_code == 101
    assert len(sandbox.books()) == 2


async def test_a_wrong_password_stops_at_once(sandbox: Sandbox) -> None:
    async with PayTraceClient(sandbox.client_settings(password=SecretStr("wrong"))) as client:
        with pytest.raises(LoginRejected):
            await client.export_transactions(TODAY, TODAY)
        with pytest.raises(LoginRejected):
            _ = [row async for row in client.list_ach(TODAY, TODAY)]


async def test_a_foreign_integrator_id_lacks_permission(tmp_path: Path) -> None:
    with sandbox_in_thread(tmp_path / "strict", integrator_id="ours") as sandbox:
        async with PayTraceClient(sandbox.client_settings()) as client:
            with pytest.raises(LoginRejected, match="981"):
                await client.export_transactions(TODAY, TODAY)


async def test_a_wrong_content_type_is_read_all_the_same(client: PayTraceClient, sandbox: Sandbox) -> None:
    sandbox.admin("faults", {"wrong_content_type": {"path": "/v1"}})
    assert (await client.sale_keyed(CARD, CHARGE)).response_code == 101


async def test_a_rate_limit_is_obeyed_by_reads_and_reported_by_sales(client: PayTraceClient, sandbox: Sandbox) -> None:
    sandbox.admin("faults", {"rate_limit": {"count": 2, "retry_after_s": 0.05, "path": EXPORT}})
    assert await client.export_transactions(TODAY, TODAY) == []
    sandbox.admin("faults", {"rate_limit": {"count": 1, "retry_after_s": 7, "path": SALE}})
    with pytest.raises(PayTraceThrottled) as throttled:
        await client.sale_keyed(CARD, CHARGE)
    assert throttled.value.retry_after_s == 7
    assert sandbox.books() == {}


async def test_an_unknown_path_is_a_broken_contract(sandbox: Sandbox) -> None:
    async with PayTraceClient(sandbox.client_settings(check_export_path="/v1/nowhere")) as client:
        with pytest.raises(CallNotOffered):
            await client.export_checks(TODAY, TODAY)


async def test_a_huge_body_is_refused_before_it_fills_memory(sandbox: Sandbox) -> None:
    async with PayTraceClient(sandbox.client_settings(max_body_bytes=2000)) as client:
        for _ in range(3):
            await client.sale_keyed(CARD, CHARGE)
        with pytest.raises(UnreadableAnswer, match="2000 bytes"):
            await client.export_transactions(TODAY, TODAY)


async def test_no_secret_is_logged(client: PayTraceClient, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await client.sale_keyed(CARD, CHARGE)
    sandbox.admin("faults", {"expire_tokens": True})
    await client.export_transactions(TODAY, TODAY)
    _ = [row async for row in client.list_ach(TODAY, TODAY)]
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "/v1/transactions/sale/keyed" in logged
    with sqlite3.connect(sandbox.data_dir / "paytrace.sqlite3") as books:
        tokens = [value for (value,) in books.execute("SELECT value FROM token")]
    assert tokens
    for secret in (VISA, "demo123", "9999Saldo123", *tokens):
        assert secret not in logged


async def test_books_survive_kill_9(tmp_path: Path) -> None:
    data_dir = tmp_path / "durable"
    reported: set[str] = set()
    with sandbox_in_process(data_dir) as (sandbox, process):
        async with PayTraceClient(sandbox.client_settings()) as client:
            for index in range(40):
                answer = await client.sale_keyed(CARD, Charge(amount_minor=100 + index))
                reported.add(answer.transaction_id or "")
        process.kill()
        process.wait()
    with sandbox_in_process(data_dir) as (sandbox, _):
        books = sandbox.books()
        assert set(books) == reported
        async with PayTraceClient(sandbox.client_settings()) as client:
            later = await client.sale_keyed(CARD, CHARGE)
        assert later.transaction_id not in reported


def test_form_json_and_multipart_logins_are_accepted(sandbox: Sandbox) -> None:
    url = f"{sandbox.base_url}/oauth/token"
    fields = {"grant_type": "password", "username": "demo123", "password": "demo123"}
    for how in ({"data": fields}, {"json": fields}, {"files": {name: (None, text) for name, text in fields.items()}}):
        answer = httpx2.post(url, **how)
        assert (answer.status_code, answer.json()["expires_in"]) == (200, 7200)
    refused = httpx2.post(url, data={**fields, "password": "x"})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_grant")
