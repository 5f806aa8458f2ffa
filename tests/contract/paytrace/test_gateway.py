"""Both API versions: the same life of a payment, whichever the setting names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.client_v3 import PayTraceV3Client
from connectors.paytrace.errors import PaymentOutcomeUnknown, PayTraceRefused
from connectors.paytrace.gateway import open_gateway
from connectors.paytrace.mapping import Meaning
from connectors.paytrace.ports import (
    BillingAddress,
    Charge,
    RecurrencePlan,
)
from connectors.paytrace.source import PayTraceSource
from schemas.records.payments import TransactionKind, TransactionStatus
from tests.support.paytrace_payer import store_account, store_card
from tests.support.paytrace_sandbox import Sandbox

TODAY = date(2026, 11, 24)
Gateway = PayTraceClient | PayTraceV3Client
EXACT = BillingAddress(name="Kevin", street_address="8320 E. West St.", zip="85284")
ELSEWHERE = BillingAddress(street_address="1 Main St.", zip="10001")


def charge(amount_minor: int = 12500, billing_address: BillingAddress | None = None) -> Charge:
    return Charge(amount_minor=amount_minor, invoice_number="RE-100451", billing_address=billing_address)


@pytest.fixture(params=["v1", "v3"])
async def gateway(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[Gateway]:
    opened = open_gateway(sandbox.client_settings(api_version=request.param))
    yield opened
    await opened.aclose()


@pytest.fixture
def payer(gateway: Gateway, sandbox: Sandbox) -> str:
    """A vault customer with a card, as this version names it."""
    number = store_card(sandbox, "payer")
    return number if isinstance(gateway, PayTraceV3Client) else "payer"


@pytest.fixture
def account(sandbox: Sandbox) -> str:
    """A vault customer with a bank account; ACH goes over v3 in both versions."""
    return store_account(sandbox, "account")


async def test_a_sale_is_approved_exported_and_found_by_invoice(gateway: Gateway, sandbox: Sandbox, payer: str) -> None:
    answer = await gateway.sale_by_customer(payer, charge(billing_address=EXACT))
    assert (answer.meaning, answer.response_code, answer.avs_response) == (Meaning.APPROVED, 101, "Full Exact Match")
    assert set(sandbox.books()) == {answer.transaction_id}
    found = await gateway.find_transactions(TODAY, TODAY, "RE-100451")
    assert [str(row["transaction_id"]) for row in found] == [answer.transaction_id]
    one = await gateway.export_transaction(answer.transaction_id or "")
    assert one is not None
    assert one["status_message"] == "Pending Settlement"
    assert await gateway.export_transaction("17") is None


async def test_a_decline_is_an_answer(gateway: Gateway, payer: str) -> None:
    answer = await gateway.sale_by_customer(payer, charge(29))
    assert (answer.meaning, answer.approval_code) == (Meaning.DECLINED, "")
    assert answer.transaction_id is not None


async def test_103_is_not_paid(gateway: Gateway, sandbox: Sandbox, payer: str) -> None:
    sandbox.admin("rules", {"auto_void_rule": "avs_or_csc"})
    answer = await gateway.sale_by_customer(payer, charge(billing_address=ELSEWHERE))
    assert (answer.meaning, answer.response_code) == (Meaning.VOIDED_BY_RULE, 103)


async def test_authorize_capture_void_and_refund(gateway: Gateway, sandbox: Sandbox, payer: str) -> None:
    captured = (await gateway.authorize_by_customer(payer, charge(5000))).transaction_id or ""
    answer = await gateway.capture(captured, 4000)
    assert (answer.meaning, answer.response_code, answer.transaction_id) == (Meaning.DONE, 112, captured)
    with pytest.raises(PayTraceRefused):
        await gateway.capture(captured)
    voided = (await gateway.sale_by_customer(payer, charge())).transaction_id or ""
    assert (await gateway.void(voided)).response_code == 109
    with pytest.raises(PayTraceRefused):
        await gateway.refund(captured)
    sandbox.admin("settle", {})
    refund = await gateway.refund(captured, 1500)
    assert (refund.meaning, refund.response_code) == (Meaning.DONE, 106)
    books = sandbox.books()
    assert books[refund.transaction_id or ""]["refund_of"] == captured
    assert {identity: books[identity]["state"] for identity in (captured, voided)} == {
        captured: "SETTLED",
        voided: "VOIDED",
    }
    with pytest.raises(PayTraceRefused):
        await gateway.refund(captured, 2501)


async def test_batches_and_their_transactions(gateway: Gateway, sandbox: Sandbox, payer: str) -> None:
    sale = (await gateway.sale_by_customer(payer, charge())).transaction_id
    sandbox.admin("settle", {})
    batches = await gateway.export_batches(TODAY, TODAY)
    assert [(batch["batch_number"], batch["net_amount"]) for batch in batches] == [(1, 125)]
    rows = await gateway.export_batch_transactions(1)
    assert [str(row["transaction_id"]) for row in rows] == [sale]


async def test_a_stored_customer_is_charged_and_scheduled(gateway: Gateway, sandbox: Sandbox, payer: str) -> None:
    sale = (await gateway.sale_by_customer(payer, charge())).transaction_id or ""
    address = {"name": "ACME", "street_address": "1 Main St."}
    if isinstance(gateway, PayTraceV3Client):
        stored = await gateway.create_customer_from_transaction("acme", sale, address)
    else:
        stored = await gateway.create_customer_from_transaction("acme", sale)
    assert stored.meaning is Meaning.DONE
    customer_id = stored.customer_id or ""
    assert len(await gateway.export_customers("acme")) == 1
    answer = await gateway.sale_by_customer(customer_id, charge(700))
    assert sandbox.books()[answer.transaction_id or ""]["customer_id"] == "acme"
    plan = RecurrencePlan(
        customer_id=customer_id, amount_minor=2495, frequency="3", start_on=date(2026, 11, 30), total_count=2
    )
    schedule = await gateway.create_recurrence(plan)
    assert schedule.response_code == 150
    sandbox.admin("clock", {"now": "2027-03-01T12:00:00-08:00"})
    runs = [entry for entry in sandbox.books().values() if entry["amount_minor"] == 2495]
    assert [entry["created_at"] for entry in runs] == ["2026-11-30T08:30:00+00:00", "2026-12-30T08:30:00+00:00"]
    assert {entry["state"] for entry in runs} == {"SETTLED"}
    assert (await gateway.delete_recurrence(schedule.recurrence_id or "")).response_code == 152


async def test_the_source_reads_either_version(gateway: Gateway, sandbox: Sandbox, payer: str) -> None:
    sale = (await gateway.sale_by_customer(payer, charge())).transaction_id
    source = PayTraceSource(gateway, sandbox.client_settings())
    [(subject, (record,))] = [observation async for observation in source.poll(TODAY, TODAY)]
    assert subject == f"transaction/main/{sale}"
    assert (record.kind, record.status) == (TransactionKind.SALE, TransactionStatus.PENDING_SETTLEMENT)
    assert (record.invoice_number, record.amount_minor, record.card_last_four) == ("RE-100451", 12500, "5439")


async def test_an_ach_debit_is_accepted_not_collected(gateway: Gateway, sandbox: Sandbox, account: str) -> None:
    answer = await gateway.pay_by_ach(account, charge(8055), idempotency_key="RE-1/1")
    assert answer.meaning is Meaning.ACH_ACCEPTED
    assert sandbox.books()[answer.transaction_id or ""]["state"] == "ACCEPTED"


async def test_an_ach_key_pays_once_however_often_it_is_asked(gateway: Gateway, sandbox: Sandbox, account: str) -> None:
    first = await gateway.pay_by_ach(account, charge(8055), idempotency_key="k")
    second = await gateway.pay_by_ach(account, charge(8055), idempotency_key="k")
    assert first.transaction_id == second.transaction_id
    assert len(sandbox.books()) == 1


@pytest.mark.parametrize("fault", ["cut_after", "cut_before", "accepted_422", "http_503", "html_page"])
async def test_a_lost_ach_answer_is_looked_up_by_its_key(
    gateway: Gateway, sandbox: Sandbox, fault: str, account: str
) -> None:
    sandbox.admin("faults", {fault: {"count": 1, "path": "/v3/checks/payment"}})
    answer = await gateway.pay_by_ach(account, charge(8055), idempotency_key="k")
    assert set(sandbox.books()) == {answer.transaction_id}


async def test_an_ach_outcome_that_nobody_can_report_stays_unknown(
    gateway: Gateway, sandbox: Sandbox, account: str
) -> None:
    sandbox.admin(
        "faults", {"cut_after": {"count": 1, "path": "/v3/checks/payment"}, "http_503": {"path": "/v3/checks/t"}}
    )
    with pytest.raises(PaymentOutcomeUnknown) as unknown:
        await gateway.pay_by_ach(account, charge(8055), idempotency_key="k")
    assert unknown.value.reference == "k"
    assert len(sandbox.books()) == 1


async def test_an_ach_debit_that_is_refused_is_not_repeated(gateway: Gateway, sandbox: Sandbox) -> None:
    with pytest.raises(PayTraceRefused) as refused:
        await gateway.pay_by_ach("4711", charge(8055), idempotency_key="k")
    assert refused.value.code == "body/customer_id"
    assert sandbox.books() == {}


async def test_hosted_fields_get_a_key(gateway: Gateway) -> None:
    assert len(await gateway.create_payment_fields_key()) > 10
