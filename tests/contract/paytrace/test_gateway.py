"""The port, held by both API versions: the same life of a payment, whichever the setting names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.client_v3 import PayTraceV3Client
from connectors.paytrace.errors import CallNotOffered, PaymentOutcomeUnknown, PayTraceRefused
from connectors.paytrace.gateway import open_gateway
from connectors.paytrace.mapping import Meaning
from connectors.paytrace.ports import (
    BankAccount,
    BillingAddress,
    CardDetails,
    Charge,
    PayTraceGateway,
    RecurrencePlan,
)
from connectors.paytrace.source import PayTraceSource
from schemas.records.payments import TransactionKind, TransactionStatus
from tests.support.paytrace_sandbox import Sandbox

TODAY = date(2026, 11, 24)
# As long as an RSA block in base64; both versions take encrypted numbers.
CARD = CardDetails(SecretStr("A" * 344), 12, 2030, encrypted=True)
ACCOUNT = BankAccount(SecretStr("123456789"), SecretStr("325070760"))
EXACT = BillingAddress(name="Kevin", street_address="8320 E. West St.", zip="85284")
ELSEWHERE = BillingAddress(street_address="1 Main St.", zip="10001")


def charge(amount_minor: int = 12500, billing_address: BillingAddress | None = None) -> Charge:
    return Charge(amount_minor=amount_minor, invoice_number="RE-100451", billing_address=billing_address)


@pytest.fixture(params=["v1", "v3"])
async def gateway(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[PayTraceClient | PayTraceV3Client]:
    opened = open_gateway(sandbox.client_settings(api_version=request.param))
    yield opened
    await opened.aclose()


async def test_both_clients_satisfy_the_port(gateway: PayTraceClient | PayTraceV3Client) -> None:
    port: PayTraceGateway = gateway
    assert await port.export_transactions(TODAY, TODAY) == []


async def test_a_sale_is_approved_exported_and_found_by_invoice(gateway: PayTraceGateway, sandbox: Sandbox) -> None:
    answer = await gateway.sale_keyed(CARD, charge(billing_address=EXACT))
    assert (answer.meaning, answer.response_code, answer.avs_response) == (Meaning.APPROVED, 101, "Full Exact Match")
    assert set(sandbox.books()) == {answer.transaction_id}
    found = await gateway.find_transactions(TODAY, TODAY, "RE-100451")
    assert [str(row["transaction_id"]) for row in found] == [answer.transaction_id]
    one = await gateway.export_transaction(answer.transaction_id or "")
    assert one is not None
    assert one["status_message"] == "Pending Settlement"
    assert await gateway.export_transaction("17") is None


async def test_a_decline_is_an_answer(gateway: PayTraceGateway) -> None:
    answer = await gateway.sale_keyed(CARD, charge(29))
    assert (answer.meaning, answer.approval_code) == (Meaning.DECLINED, "")
    assert answer.transaction_id is not None


async def test_103_is_not_paid(gateway: PayTraceGateway, sandbox: Sandbox) -> None:
    sandbox.admin("rules", {"auto_void_rule": "avs_or_csc"})
    answer = await gateway.sale_keyed(CARD, charge(billing_address=ELSEWHERE))
    assert (answer.meaning, answer.response_code) == (Meaning.VOIDED_BY_RULE, 103)


async def test_authorize_capture_void_and_refund(gateway: PayTraceGateway, sandbox: Sandbox) -> None:
    captured = (await gateway.authorize_keyed(CARD, charge(5000))).transaction_id or ""
    answer = await gateway.capture(captured, 4000)
    assert (answer.meaning, answer.response_code, answer.transaction_id) == (Meaning.DONE, 112, captured)
    with pytest.raises(PayTraceRefused):
        await gateway.capture(captured)
    voided = (await gateway.sale_keyed(CARD, charge())).transaction_id or ""
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


async def test_batches_and_their_transactions(gateway: PayTraceGateway, sandbox: Sandbox) -> None:
    assert await gateway.export_batch() is None
    sale = (await gateway.sale_keyed(CARD, charge())).transaction_id
    sandbox.admin("settle", {})
    batches = await gateway.export_batches(TODAY, TODAY)
    assert [(batch["batch_number"], batch["net_amount"]) for batch in batches] == [(1, 125)]
    assert await gateway.export_batch() == batches[0]
    rows = await gateway.export_batch_transactions(1)
    assert [str(row["transaction_id"]) for row in rows] == [sale]


async def test_settling_on_demand_is_a_matter_of_the_version(gateway: PayTraceClient | PayTraceV3Client) -> None:
    if isinstance(gateway, PayTraceV3Client):
        with pytest.raises(CallNotOffered):
            await gateway.settle()
    else:
        assert (await gateway.settle()).response_code == 175


async def test_a_stored_customer_is_charged_and_scheduled(
    gateway: PayTraceClient | PayTraceV3Client, sandbox: Sandbox
) -> None:
    sale = (await gateway.sale_keyed(CARD, charge())).transaction_id or ""
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


async def test_the_source_reads_either_version(gateway: PayTraceClient | PayTraceV3Client, sandbox: Sandbox) -> None:
    sale = (await gateway.sale_keyed(CARD, charge())).transaction_id
    source = PayTraceSource(gateway, sandbox.client_settings())
    [(subject, (record,))] = [sighting async for sighting in source.poll(TODAY, TODAY)]
    assert subject == f"transaction/{sale}"
    assert (record.kind, record.status) == (TransactionKind.SALE, TransactionStatus.PENDING_SETTLEMENT)
    assert (record.invoice_number, record.amount_minor, record.card_last_four) == ("RE-100451", 12500, "5439")


async def test_an_ach_debit_is_accepted_not_collected(gateway: PayTraceGateway, sandbox: Sandbox) -> None:
    answer = await gateway.pay_by_ach(ACCOUNT, charge(8055), idempotency_key="RE-1/1")
    assert answer.meaning is Meaning.ACH_ACCEPTED
    assert sandbox.books()[answer.transaction_id or ""]["state"] == "ACCEPTED"


async def test_an_ach_key_pays_once_however_often_it_is_asked(gateway: PayTraceGateway, sandbox: Sandbox) -> None:
    first = await gateway.pay_by_ach(ACCOUNT, charge(8055), idempotency_key="k")
    second = await gateway.pay_by_ach(ACCOUNT, charge(8055), idempotency_key="k")
    assert first.transaction_id == second.transaction_id
    assert len(sandbox.books()) == 1


@pytest.mark.parametrize("fault", ["cut_after", "cut_before", "accepted_422", "http_503", "html_page"])
async def test_a_lost_ach_answer_is_looked_up_by_its_key(
    gateway: PayTraceGateway, sandbox: Sandbox, fault: str
) -> None:
    sandbox.admin("faults", {fault: {"count": 1, "path": "/v3/checks/payment"}})
    answer = await gateway.pay_by_ach(ACCOUNT, charge(8055), idempotency_key="k")
    assert set(sandbox.books()) == {answer.transaction_id}


async def test_an_ach_outcome_that_nobody_can_tell_stays_unknown(gateway: PayTraceGateway, sandbox: Sandbox) -> None:
    sandbox.admin(
        "faults", {"cut_after": {"count": 1, "path": "/v3/checks/payment"}, "http_503": {"path": "/v3/checks/t"}}
    )
    with pytest.raises(PaymentOutcomeUnknown) as unknown:
        await gateway.pay_by_ach(ACCOUNT, charge(8055), idempotency_key="k")
    assert unknown.value.reference == "k"
    assert len(sandbox.books()) == 1


async def test_an_ach_debit_that_is_refused_is_not_repeated(gateway: PayTraceGateway, sandbox: Sandbox) -> None:
    with pytest.raises(PayTraceRefused) as refused:
        await gateway.pay_by_ach("4711", charge(8055), idempotency_key="k")
    assert refused.value.code == "body/customer_id"
    assert sandbox.books() == {}


async def test_hosted_fields_get_a_key(gateway: PayTraceClient | PayTraceV3Client) -> None:
    assert len(await gateway.create_payment_fields_key()) > 10
