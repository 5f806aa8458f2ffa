"""The rest of v1: vault, schedules, level 3, wrapping batch numbers, and the two strange nights of the year."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.paytrace import client as client_module
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.errors import PayTraceRefused
from connectors.paytrace.ports import CardDetails, Charge, RecurrencePlan
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.source import PayTraceSource
from infra.sandboxes.paytrace import v1
from tests.support.paytrace_payer import pay_by_check, store_account
from tests.support.paytrace_sandbox import VISA, Sandbox, sandbox_in_thread

TODAY = date(2026, 11, 24)
CARD = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("999"))


async def test_the_vault_from_creation_to_deletion(client: PayTraceClient, sandbox: Sandbox) -> None:
    address = {"name": "Steve Smith", "zip": "85284"}
    created = await client.create_customer("customer456", card=CARD, billing_address=address, email="s@example.org")
    assert (created.response_code, created.customer_id) == (160, "customer456")
    assert created.status_message == "The customer profile for customer456/Steve Smith was successfully created."
    with pytest.raises(PayTraceRefused) as refused:
        await client.create_customer("customer456", card=CARD)
    assert refused.value.code == "171"
    [row] = await client.export_customers("customer456")
    assert row["credit_card"] == {"masked_number": "************5439", "expiration_month": 12, "expiration_year": 30}
    renamed = await client.update_customer("customer456", new_id="c-1", fields={"email": "new@example.org"})
    assert (renamed.response_code, renamed.customer_id) == (161, "c-1")
    assert await client.export_customers("customer456") == []
    assert [row["email"] for row in await client.export_customers()] == ["new@example.org"]
    assert (await client.sale_by_customer("c-1", Charge(amount_minor=500))).response_code == 101
    assert (await client.authorize_by_customer("c-1", Charge(amount_minor=500))).response_code == 101
    assert (await client.delete_customer("c-1")).response_code == 162
    with pytest.raises(PayTraceRefused) as refused:
        await client.sale_by_customer("c-1", Charge(amount_minor=500))
    assert (refused.value.code, "c-1" in str(refused.value)) == ("30", True)


async def test_a_bank_account_in_the_vault_shows_nowhere(client: PayTraceClient, sandbox: Sandbox) -> None:
    store_account(sandbox, "acme", account_number="123456789012")
    assert pay_by_check(sandbox, 900, account_number="123456789012")["response_code"] == 120
    assert "123456789012" not in str(await client.export_customers())
    assert b"123456789012" not in b"".join(path.read_bytes() for path in sandbox.data_dir.iterdir())


async def test_a_card_comes_into_the_vault_by_hosted_fields_or_from_a_payment(client: PayTraceClient) -> None:
    assert (await client.save_customer_pt_protect("web-2", "token", "key")).response_code == 160
    assert (await client.save_customer_pt_protect("web-2", "token", "key", exists=True)).response_code == 161
    assert (await client.sale_by_customer("web-2", Charge(amount_minor=500))).response_code == 101
    sale = await client.sale_keyed(CARD, Charge(amount_minor=500))
    assert (await client.create_customer_from_transaction("web-3", sale.transaction_id or "")).response_code == 160


async def test_a_schedule_from_creation_to_deletion(client: PayTraceClient, sandbox: Sandbox) -> None:
    await client.create_customer("acme", card=CARD)
    plan = RecurrencePlan(
        customer_id="acme", amount_minor=2495, frequency="5", start_on=date(2026, 11, 25), description="weekly"
    )
    created = await client.create_recurrence(plan)
    identity = created.recurrence_id or ""
    assert (created.response_code, sandbox.books()) == (150, {})
    sandbox.admin("clock", {"now": "2026-12-03T12:00:00-08:00"})
    runs = [entry["created_at"] for entry in sandbox.books().values()]
    assert runs == ["2026-11-25T08:30:00+00:00", "2026-12-02T08:30:00+00:00"]
    [row] = await client.export_recurrences(customer_id="acme")
    assert (row["id"], row["next"], row["current_count"]) == (int(identity), "12/09/2026", 2)
    assert (await client.update_recurrence(identity, {"amount": "30.00"})).response_code == 151
    [row] = await client.export_recurrences(recurrence_id=identity)
    assert row["amount"] == 30
    assert (await client.delete_recurrence(identity)).response_code == 152
    assert await client.export_recurrences(customer_id="acme") == []


async def test_a_declined_recurring_run_is_an_ordinary_declined_transaction(
    client: PayTraceClient, sandbox: Sandbox
) -> None:
    await client.create_customer("acme", card=CARD)
    await client.create_recurrence(
        RecurrencePlan(customer_id="acme", amount_minor=29, frequency="6", start_on=date(2026, 11, 25), total_count=3)
    )
    sandbox.admin("clock", {"now": "2026-12-24T12:00:00-08:00"})
    assert [entry["state"] for entry in sandbox.books().values()] == ["DECLINED"] * 3


async def test_batch_numbers_wrap_after_999_and_the_newest_is_meant(tmp_path: Path) -> None:
    with sandbox_in_thread(tmp_path / "wrap", first_batch_number=998) as sandbox:
        sandbox.admin("clock", {"now": "2026-11-24T12:00:00-08:00"})
        async with PayTraceClient(sandbox.client_settings()) as client:
            batches = []
            for amount_minor in (100, 200, 300):
                sale = (await client.sale_keyed(CARD, Charge(amount_minor=amount_minor))).transaction_id or ""
                sandbox.admin("settle", {})
                batches.append(sandbox.books()[sale]["batch"])
            assert batches == [998, 999, 1]
            source = PayTraceSource(client, sandbox.client_settings())
            records = [record async for _, (record,) in source.poll(TODAY, TODAY)]
            assert {record.batch_number for record in records} == {998, 999, 1}
            assert all(record.settled_at is not None for record in records)


@pytest.mark.parametrize(
    ("now", "fold", "created"),
    [
        ("2026-11-01T01:30:00-07:00", "first", "2026-11-01T08:30:00+00:00"),
        ("2026-11-01T01:30:00-08:00", "second", "2026-11-01T09:30:00+00:00"),
        ("2026-03-08T03:30:00-07:00", "first", "2026-03-08T10:30:00+00:00"),
        ("2026-03-08T01:59:00-08:00", "first", "2026-03-08T09:59:00+00:00"),
    ],
)
async def test_a_sale_in_a_strange_night_is_dated_as_the_setting_says(
    client: PayTraceClient, sandbox: Sandbox, now: str, fold: str, created: str
) -> None:
    sandbox.admin("clock", {"now": now})
    await client.sale_keyed(CARD, Charge(amount_minor=100))
    source = PayTraceSource(client, sandbox.client_settings(ambiguous_time=fold))
    day = date.fromisoformat(now[:10])
    [(_, (record,))] = [observation async for observation in source.poll(day, day)]
    assert record.created_at.replace(second=0, microsecond=0).isoformat() == created


async def test_every_hour_of_a_long_and_a_short_day_is_exported_once(client: PayTraceClient, sandbox: Sandbox) -> None:
    for start, hours in (("2026-11-01T00:05:00-07:00", 25), ("2026-03-08T00:05:00-08:00", 23)):
        sandbox.admin("clock", {"now": start})
        for _ in range(hours):
            await client.sale_keyed(CARD, Charge(amount_minor=100))
            sandbox.admin("clock", {"advance_s": 3600})
        day = date.fromisoformat(start[:10])
        assert len(await client.export_transactions(day, day)) == hours


async def test_the_duplicate_filter_refuses_the_same_sale_again(tmp_path: Path) -> None:
    with sandbox_in_thread(tmp_path / "dup", duplicate_window_minutes=10) as sandbox:
        async with PayTraceClient(sandbox.client_settings()) as client:
            same = Charge(amount_minor=100, invoice_number="RE-1")
            await client.sale_keyed(CARD, same)
            with pytest.raises(PayTraceRefused) as refused:
                await client.sale_keyed(CARD, same)
            assert refused.value.code == "99016"
            assert (await client.sale_keyed(CARD, Charge(amount_minor=101, invoice_number="RE-1"))).response_code == 101
            sandbox.admin("clock", {"advance_s": 601})
            assert (await client.sale_keyed(CARD, same)).response_code == 101


def test_every_path_that_the_client_asks_is_served() -> None:
    text = Path(client_module.__file__).read_text("utf-8")
    asked = set(re.findall(r'"(/v1/[a-z_/]+)"', text)) | {
        path for name, path in PayTraceSettings() if name.endswith("_path") and str(path).startswith("/v1/")
    }
    assert "/v1/transactions/sale/by_customer" in asked
    assert asked | {"/v1/customer/pt_protect_create", "/v1/checks/sale/by_account"} == set(v1.OPERATIONS)
