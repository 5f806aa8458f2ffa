"""The sandbox's admin side: a page that shows the books and trusts nobody, a clock, and clear refusals."""

from __future__ import annotations

import urllib.request
from datetime import date
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.ports import CardDetails, Charge
from tests.support.paytrace_sandbox import VISA, Sandbox

CARD = CardDetails(SecretStr(VISA), 12, 2030)


def page(sandbox: Sandbox) -> str:
    with urllib.request.urlopen(f"{sandbox.base_url}/_sandbox/") as answer:
        return str(answer.read().decode())


async def test_the_page_shows_charges_batches_faults_and_the_clock(client: PayTraceClient, sandbox: Sandbox) -> None:
    assert "Nothing was charged yet." in page(sandbox)
    answer = await client.sale_keyed(CARD, Charge(amount_minor=1234567, invoice_number="RE-100451"))
    sandbox.admin("settle", {})
    sandbox.admin("faults", {"http_503": {"share": 0.25, "path": "/v3"}})
    html = page(sandbox)
    for shown in (
        answer.transaction_id,
        "RE-100451",
        "12,345.67",
        "SETTLED",
        "Batch",
        "share 0.25",
        "24 November 2026",
    ):
        assert str(shown) in html


async def test_the_page_escapes_what_clients_wrote(client: PayTraceClient, sandbox: Sandbox) -> None:
    token = httpx2.post(
        f"{sandbox.base_url}/oauth/token",
        data={"grant_type": "password", "username": "demo123", "password": "demo123"},
    ).json()["access_token"]
    body = {"amount": "1.00", "invoice_id": "<script>alert(1)</script>", "credit_card": card_fields()}
    answer = httpx2.post(
        f"{sandbox.base_url}/v1/transactions/sale/keyed", json=body, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.json()["response_code"] == 101
    assert "<script>" not in page(sandbox)


def card_fields() -> dict[str, str]:
    return {"number": VISA, "expiration_month": "12", "expiration_year": "2030"}


def test_the_clock_is_read_and_moved(sandbox: Sandbox) -> None:
    assert sandbox.admin("clock")["now"].startswith("2026-11-24T20:00:")
    assert sandbox.admin("clock", {"advance_s": 3600})["now"].startswith("2026-11-24T21:00:")
    assert sandbox.admin("clock", {"now": "2026-12-24T18:00:00"})["now"].startswith("2026-12-25T02:00:")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {}),
        ("clock", {"now": "tomorrow"}),
        ("clock", {"advance_s": "a lot"}),
        ("clock", {"advance_s": 1e300}),
        ("faults", {"http_504": True}),
        ("faults", {"http_503": {"often": 1}}),
        ("faults", {"http_503": "yes"}),
        ("faults", {"http_503": {"share": "x"}}),
        ("rules", {"auto_void_rule": "always"}),
        ("ach", {"transaction_id": "x", "status": "LOST"}),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(sandbox: Sandbox, path: str, body: Any) -> None:
    with pytest.raises(OSError, match="400"):
        sandbox.admin(path, body)
    assert sandbox.admin("faults") == {}
    assert sandbox.admin("clock")["now"].startswith("2026-11-24T20:")


def test_an_unknown_debit_is_not_found(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="404"):
        sandbox.admin("ach", {"transaction_id": "x", "status": "RETURNED"})


def test_strange_requests_get_answers_not_crashes(sandbox: Sandbox) -> None:
    token = httpx2.post(
        f"{sandbox.base_url}/oauth/token",
        json={"grant_type": "password", "username": "demo123", "password": "demo123"},
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=sandbox.base_url, headers=headers) as http:
        for body in (b"", b"[]", b"\xff", b"{" * 1000, b'{"amount": {"a": 1}}', b"x" * (2 * 1024 * 1024)):
            answer = http.post("/v1/transactions/sale/keyed", content=body)
            assert answer.status_code == 400
            assert set(answer.json()["errors"]) >= {"35", "99005"}
        form = {"amount": "1.00", **{f"credit_card[{name}]": value for name, value in card_fields().items()}}
        assert http.post("/v1/transactions/sale/keyed", data=form).json()["response_code"] == 101
        assert http.post("/v1/nothing/here", json={}).status_code == 404
        assert http.post("/v1/transactions/void", json={"transaction_id": "1" * 30}).json()["errors"].keys() == {"58"}
    assert httpx2.post(f"{sandbox.base_url}/v1/transactions/void", json={}).json()["error"] == "invalid_token"


async def test_a_reset_empties_books_and_vault_and_switches_faults_off(
    client: PayTraceClient, sandbox: Sandbox
) -> None:
    await client.create_customer("acme-inc", card=CARD, billing_address={"name": "Kevin"})
    first = await client.sale_keyed(CARD, Charge(amount_minor=1000))
    sandbox.admin("settle", {})
    sandbox.admin("faults", {"latency": {"seconds": 60, "path": "/v1/recurrence"}})
    clock = sandbox.admin("clock")["now"]
    assert sandbox.admin("reset", {}) == {"ok": True}
    assert sandbox.books() == {}
    assert await client.export_customers() == []
    assert await client.export_batches(date(2026, 11, 1), date(2026, 12, 1)) == []
    assert sandbox.admin("faults") == {}
    assert sandbox.admin("clock")["now"] >= clock
    again = await client.sale_keyed(CARD, Charge(amount_minor=1000))
    assert int(again.transaction_id or 0) > int(first.transaction_id or 0)


async def test_it_is_counted_how_often_each_fault_has_struck(client: PayTraceClient, sandbox: Sandbox) -> None:
    assert sandbox.admin("struck") == {}
    sandbox.admin("faults", {"odd_status": True, "http_503": {"count": 1, "path": "/v1/batches", "retry_after": "0"}})
    await client.sale_keyed(CARD, Charge(amount_minor=1000))
    today = date(2026, 11, 24)
    assert len(await client.export_transactions(today, today)) == 1
    await client.export_batches(today, today)
    sandbox.admin("faults", {"clear": True})
    struck = sandbox.admin("struck")
    assert (struck["odd_status"] >= 1, struck["http_503"], set(struck)) == (True, 1, {"odd_status", "http_503"})


async def test_a_clock_that_is_off_for_charges_alone_ends_no_log_in(client: PayTraceClient, sandbox: Sandbox) -> None:
    """A charge three days ahead is no reason to be logged out."""
    sandbox.admin("faults", {"clock_skew": {"seconds": 3 * 86_400, "count": 1, "path": "/v1/transactions/sale"}})
    sold = (await client.sale_keyed(CARD, Charge(amount_minor=1000))).transaction_id or ""
    assert sandbox.admin("struck") == {"clock_skew": 1}
    assert str(sandbox.books()[sold]["created_at"]).startswith("2026-11-27")
