"""ACH: accepted is not collected, settled can come back, and the list says so page by page."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx2

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.ports import Charge
from tests.support.paytrace_payer import pay_by_check, store_account, v3_headers
from tests.support.paytrace_sandbox import Sandbox

TODAY = date(2026, 11, 24)


def pay(sandbox: Sandbox, headers: dict[str, str], **changes: Any) -> httpx2.Response:
    body = {
        "merchant_id": 1,
        "std_entry_class": "WEB",
        "amount": 80.55,
        "bank_account": {"account_number": "123456789", "routing_number": "325070760", "account_type": "Checking"},
        "invoice_number": "RE-5",
        **changes,
    }
    return httpx2.post(f"{sandbox.base_url}/v3/checks/payment", json=body, headers=headers)


async def ach_rows(client: PayTraceClient, **how: Any) -> list[dict[str, Any]]:
    return [row async for row in client.list_ach(TODAY, date(2026, 12, 31), **how)]


async def test_a_payment_is_listed_with_its_status(client: PayTraceClient, sandbox: Sandbox) -> None:
    answer = pay(sandbox, v3_headers(sandbox)).json()
    assert answer["data"] == []
    rows = await ach_rows(client)
    assert [row["transaction_id"] for row in rows] == [answer["transaction_id"]]
    assert (rows[0]["transaction_status"], str(rows[0]["amount"])) == ("ACCEPTED", "80.55")
    assert "123456789" not in str(rows)
    one = await client.export_ach(answer["transaction_id"])
    assert one is not None
    assert one["transaction_status"] == "ACCEPTED"
    assert await client.export_ach("3e1b7c5a-7f59-4f4f-9c1e-0a4ce7d0a111") is None


async def test_a_payment_settles_days_later_and_one_of_31_cents_comes_back(
    client: PayTraceClient, sandbox: Sandbox
) -> None:
    headers = v3_headers(sandbox)
    good = pay(sandbox, headers).json()["transaction_id"]
    bad = pay(sandbox, headers, amount=0.31).json()["transaction_id"]
    states = []
    for day in ("2026-11-24T21:00", "2026-11-27T21:00", "2026-11-29T21:00"):
        sandbox.admin("clock", {"now": f"{day}:00-08:00"})
        rows = {row["transaction_id"]: row for row in await ach_rows(client)}
        states.append((rows[good]["transaction_status"], rows[bad]["transaction_status"]))
    assert states == [("ORIGINATED", "ORIGINATED"), ("SETTLED", "SETTLED"), ("SETTLED", "RETURNED")]
    assert rows[bad]["return_code"] == "R01"
    settled = await ach_rows(client, date_type="SETTLED")
    assert {row["transaction_id"] for row in settled} == {good, bad}


async def test_a_debit_can_be_returned_by_hand(client: PayTraceClient, sandbox: Sandbox) -> None:
    identity = pay(sandbox, v3_headers(sandbox)).json()["transaction_id"]
    sandbox.admin("ach", {"transaction_id": identity, "status": "RETURNED", "return_code": "R03"})
    rows = await ach_rows(client)
    assert (rows[0]["transaction_status"], rows[0]["return_code"]) == ("RETURNED", "R03")


async def test_every_page_is_read(client: PayTraceClient, sandbox: Sandbox) -> None:
    account = store_account(sandbox, "payer")
    answers = [
        await client.pay_by_ach(account, Charge(amount_minor=100 + index), idempotency_key=f"k-{index}")
        for index in range(61)
    ]
    assert {row["transaction_id"] for row in await ach_rows(client)} == {answer.transaction_id for answer in answers}


def test_the_same_idempotency_key_pays_once(sandbox: Sandbox) -> None:
    headers = v3_headers(sandbox)
    first = pay(sandbox, headers, idempotency_key="k-1").json()["transaction_id"]
    second = pay(sandbox, headers, idempotency_key="k-1").json()["transaction_id"]
    assert first == second
    assert len(sandbox.books()) == 1


def test_v3_names_field_and_reason_of_what_it_refuses(sandbox: Sandbox) -> None:
    headers = v3_headers(sandbox)
    for change, field_name in (
        ({"merchant_id": "x"}, "body/merchant_id"),
        ({"std_entry_class": "XXX"}, "body/std_entry_class"),
        ({"amount": -1}, "body/amount"),
        ({"bank_account": None, "customer_id": "nobody"}, "body/customer_id"),
    ):
        answer = pay(sandbox, headers, **change)
        assert answer.status_code == 422
        assert answer.json()["data"][0]["field"] == field_name
    url = f"{sandbox.base_url}/v3/checks/transactions?merchant_id=1&limit=31&start_date=2026-11-01T00:00:00"
    answer = httpx2.get(f"{url}&end_date=2026-11-30T00:00:00", headers=headers)
    assert answer.json()["data"][0]["field"] == "query/limit"


async def test_v1_checks_are_accepted_settled_and_exported(client: PayTraceClient, sandbox: Sandbox) -> None:
    sale = pay_by_check(sandbox, 5000)
    assert sale["response_code"] == 120
    sandbox.admin("ach", {"transaction_id": f"check-{sale['check_transaction_id']}", "status": "SETTLED"})
    assert pay_by_check(sandbox, 29)["response_code"] == 125
    rows = {row["check_transaction_id"]: row for row in await client.export_checks(TODAY, TODAY)}
    assert len(rows) == 2
    row = rows[sale["check_transaction_id"]]
    assert (row["amount"], row["status"]) == (50, "SETTLED")
