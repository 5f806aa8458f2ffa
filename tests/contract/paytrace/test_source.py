"""The source tells every observation in its window, whatever rows look like, and turns hints into facts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.client_v3 import PayTraceV3Client
from connectors.paytrace.errors import CallNotOffered, LoginRejected, PayTraceUnavailable, UnreadableRow
from connectors.paytrace.ports import AchDateType, CardDetails, Charge
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.source import PayTraceSource
from connectors.paytrace.wire import JsonObject
from schemas.records.payments import ObservedBy, TransactionStatus
from tests.contract.paytrace.test_ach import pay
from tests.support.paytrace_payer import pay_by_check, v3_headers
from tests.support.paytrace_sandbox import VISA, Sandbox

TODAY = date(2026, 11, 24)
CARD = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("999"))

GOOD: dict[str, Any] = {
    "transaction_id": 7,
    "transaction_type": "SALE",
    "amount": 1,
    "approval_code": "A",
    "status_code": "Y",
    "status_message": "Pending Settlement",
    "created": {"at": "11/24/2026 1:00:00 PM"},
}


async def test_a_poll_sees_cards_and_ach_once_each_day_by_day(client: PayTraceClient, sandbox: Sandbox) -> None:
    expected = set()
    for day in (20, 22, 24):
        sandbox.admin("clock", {"now": f"2026-11-{day}T12:00:00-08:00"})
        answer = await client.sale_keyed(CARD, Charge(amount_minor=1000 + day, invoice_number=f"RE-{day}"))
        expected.add(answer.transaction_id)
    expected.add(pay(sandbox, v3_headers(sandbox)).json()["transaction_id"])
    source = PayTraceSource(client, sandbox.client_settings())
    seen = [observation async for observation in source.poll(date(2026, 11, 19), TODAY)]
    assert sorted(subject for subject, _ in seen) == sorted(f"transaction/main/{identity}" for identity in expected)
    by_invoice = {record.invoice_number: record for _, (record,) in seen}
    assert by_invoice["RE-20"].status is TransactionStatus.SETTLED
    assert by_invoice["RE-20"].batch_number == 1
    assert by_invoice["RE-24"].status is TransactionStatus.PENDING_SETTLEMENT
    assert by_invoice["RE-5"].status is TransactionStatus.ACH_PENDING
    assert {record.observed_by for _, (record,) in seen} == {ObservedBy.POLL}


async def test_a_second_poll_differs_in_what_changed_only(client: PayTraceClient, sandbox: Sandbox) -> None:
    voided = (await client.sale_keyed(CARD, Charge(amount_minor=1000))).transaction_id or ""
    await client.sale_keyed(CARD, Charge(amount_minor=2000))
    at = datetime(2026, 11, 24, 20, tzinfo=UTC)
    source = PayTraceSource(client, sandbox.client_settings(), now=lambda: at)
    before = {subject: records async for subject, records in source.poll(TODAY, TODAY)}
    await client.void(voided)
    after = {subject: records async for subject, records in source.poll(TODAY, TODAY)}
    changed = {subject for subject in after if after[subject] != before[subject]}
    assert changed == {f"transaction/main/{voided}"}
    assert after[f"transaction/main/{voided}"][0].status is TransactionStatus.VOIDED


async def test_a_hint_becomes_a_fact_by_asking(client: PayTraceClient, sandbox: Sandbox) -> None:
    card = (await client.sale_keyed(CARD, Charge(amount_minor=1000))).transaction_id or ""
    ach = pay(sandbox, v3_headers(sandbox)).json()["transaction_id"]
    source = PayTraceSource(client, sandbox.client_settings())
    for identity in (card, ach):
        observation = await source.look_up(identity, ObservedBy.SILENT_POST)
        assert observation is not None
        assert observation[0] == f"transaction/main/{identity}"
        assert observation[1][0].observed_by is ObservedBy.SILENT_POST
    assert await source.look_up("1", ObservedBy.HOOK) is None
    assert await source.look_up("no-such-ach", ObservedBy.HOOK) is None


async def test_a_hint_at_a_v1_check_is_found_among_the_checks(client: PayTraceClient, sandbox: Sandbox) -> None:
    check = f"check-{pay_by_check(sandbox, 1000)['check_transaction_id']}"
    at = datetime(2026, 11, 24, 20, tzinfo=UTC)
    source = PayTraceSource(client, sandbox.client_settings(lookback_window_days=2), now=lambda: at)
    observation = await source.look_up(check, ObservedBy.HOOK)
    assert observation is not None
    assert (observation[0], observation[1][0].amount_minor) == (f"transaction/main/{check}", 1000)
    assert await source.look_up("check-5", ObservedBy.HOOK) is None
    elsewhere = sandbox.client_settings(lookback_window_days=2, check_export_path="/v1/no/such/path")
    async with PayTraceClient(elsewhere) as without:
        assert await PayTraceSource(without, elsewhere, now=lambda: at).look_up(check, ObservedBy.HOOK) is None


async def test_v1_checks_are_polled_where_v3_is_not_there(client: PayTraceClient, sandbox: Sandbox) -> None:
    check = f"check-{pay_by_check(sandbox, 5000)['check_transaction_id']}"
    source = PayTraceSource(client, sandbox.client_settings(ach_source="v1"))
    assert [subject async for subject, _ in source.poll(TODAY, TODAY)] == [f"transaction/main/{check}"]
    nothing = PayTraceSource(client, sandbox.client_settings(ach_source="off"))
    assert [subject async for subject, _ in nothing.poll(TODAY, TODAY)] == []


@pytest.mark.parametrize("reason", [CallNotOffered("no v3 here"), LoginRejected("no v3 for you")])
async def test_an_account_without_v3_still_gets_its_cards(reason: Exception, caplog: pytest.LogCaptureFixture) -> None:
    source = PayTraceSource(Rows([GOOD], ach_fails=reason), PayTraceSettings())
    assert [subject async for subject, _ in source.poll(TODAY, TODAY)] == ["transaction/main/7"]
    assert "paytrace ach not read" in caplog.text
    (left_out,) = source.not_read
    assert left_out.startswith(f"ACH is not read: {reason}")
    strict = PayTraceSource(Rows([GOOD], ach_fails=reason), PayTraceSettings(ach_source="v3"))
    with pytest.raises(type(reason)):
        _ = [subject async for subject, _ in strict.poll(TODAY, TODAY)]


async def test_an_ach_outage_is_never_taken_for_an_account_without_ach() -> None:
    source = PayTraceSource(Rows([GOOD], ach_fails=PayTraceUnavailable("503")), PayTraceSettings())
    with pytest.raises(PayTraceUnavailable):
        _ = [subject async for subject, _ in source.poll(TODAY, TODAY)]


async def test_only_a_poll_of_the_whole_window_looks_further_back_for_ach() -> None:
    rows = Rows([])
    source = PayTraceSource(rows, PayTraceSettings(lookback_window_days=45, ach_lookback_window_days=65))
    _ = [observation async for observation in source.poll(TODAY - timedelta(days=1), TODAY)]
    assert rows.ach_since == [TODAY - timedelta(days=2)] * 2
    rows.ach_since.clear()
    _ = [observation async for observation in source.poll(TODAY - timedelta(days=45), TODAY)]
    assert rows.ach_since == [TODAY - timedelta(days=65)] * 2


def test_the_window_is_counted_in_the_merchants_zone() -> None:
    source = PayTraceSource(Rows([]), PayTraceSettings(lookback_window_days=45))
    since, until = source.window(datetime(2026, 11, 25, 7, 59, tzinfo=UTC))
    assert (since, until) == (TODAY - timedelta(days=45), TODAY)


class Rows:
    """A client that exports given rows for one day, and nothing else."""

    def __init__(self, rows: list[JsonObject], *, ach_fails: Exception | None = None) -> None:
        self._rows = rows
        self._ach_fails = ach_fails
        self.ach_since: list[date] = []

    async def export_transactions(self, start: date, end: date) -> list[JsonObject]:
        return self._rows if start == TODAY else []

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        return None

    async def export_ach(self, transaction_id: str) -> JsonObject | None:
        return None

    async def export_checks(self, start: date, end: date) -> list[JsonObject]:
        return []

    async def list_ach(
        self, start: date, end: date, *, date_type: AchDateType = "PROCESSED"
    ) -> AsyncIterator[JsonObject]:
        self.ach_since.append(start)
        if self._ach_fails is not None:
            raise self._ach_fails
        nothing: list[JsonObject] = []
        for row in nothing:
            yield row


async def test_a_row_without_an_id_is_loud_but_stops_no_other() -> None:
    source = PayTraceSource(Rows([{"amount": 5}, GOOD]), PayTraceSettings())
    seen: list[str] = []

    async def drain() -> None:
        async for subject, _ in source.poll(TODAY, TODAY):
            seen.append(subject)

    with pytest.raises(UnreadableRow):
        await drain()
    assert seen == ["transaction/main/7"]


async def test_the_number_of_the_order_comes_with_sales_of_either_version_and_their_refunds(
    client: PayTraceClient, sandbox: Sandbox
) -> None:
    charge = Charge(amount_minor=70_00, customer_reference_id="PO-7")
    sale = (await client.sale_keyed(CARD, charge)).transaction_id or ""
    sandbox.admin("settle", {})
    refund = (await client.refund(sale)).transaction_id
    for version in ("v1", "v3"):
        reader = PayTraceClient if version == "v1" else PayTraceV3Client
        async with reader(sandbox.client_settings(api_version=version)) as other:
            source = PayTraceSource(other, sandbox.client_settings(api_version=version))
            seen = {r.paytrace_transaction_id: r async for _, rs in source.poll(TODAY, TODAY) for r in rs}
        assert {one.customer_reference for one in seen.values()} == {"PO-7"}
        assert set(seen) == {sale, refund}
