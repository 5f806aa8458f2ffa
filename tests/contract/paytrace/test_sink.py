"""Calls that payment requests ask for, against the sandbox, in both versions: each once, whatever the connection does.

A refund or card charge without any trace is left to a person; what PayTrace takes once by itself is made again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.errors import CallInDoubt, CallStillUnknown, PayTraceUnavailable, UnreadableAnswer
from connectors.paytrace.gateway import open_gateway
from connectors.paytrace.ports import CardDetails, Charge
from connectors.paytrace.sink import PayTraceSink
from schemas.records.gateway import (
    CarryOutGatewayCall,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallRefused,
    PaymentRequestKind,
    RequestGatewayCall,
)
from schemas.wire.codec import Codec
from streams.edges.claims import TOPIC, Claims
from streams.log.memory import MemoryLog
from tests.support.paytrace_payer import authorized, store_account
from tests.support.paytrace_sandbox import VISA, Sandbox
from tests.support.signing import SIGNER

NOON = datetime(2026, 11, 24, 20, tzinfo=UTC)  # noon in Los Angeles, where the sandbox stands
CARD = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("999"))
NOBODY: frozenset[str] = frozenset()
MONEY_PATHS = {
    PaymentRequestKind.REFUND: ("/v1/transactions/refund", "/v3/card/batch/refund"),
    PaymentRequestKind.VOID: ("/v1/transactions/void", "/v3/card/batch/void"),
    PaymentRequestKind.CAPTURE: ("/v1/transactions/authorization/capture", "/v3/card/batch/capture"),
    PaymentRequestKind.CHARGE: ("/v1/transactions/sale/by_customer", "/v3/card/sale/customer"),
}


class Till:
    """A sandbox with a merchant's day in it, and the sink that carries out payment requests there."""

    def __init__(self, sandbox: Sandbox, version: str) -> None:
        self.sandbox = sandbox
        self.version = version
        self.settings = sandbox.client_settings(api_version=version, outcome_wait_s=0.0, read_timeout_s=2.0)
        self.client = open_gateway(self.settings)
        self.log = MemoryLog({TOPIC: 4}, signer=SIGNER)
        self.sink = self.process("a")

    def process(self, name: str) -> PayTraceSink:
        """The sink of a process of its own."""
        return PayTraceSink(self.client, self.settings, self.rights(name), now=lambda: NOON)

    def rights(self, name: str) -> Claims:
        return Claims(self.log, Codec(), claimed_by=name)

    def path_of(self, kind: PaymentRequestKind) -> str:
        return MONEY_PATHS[kind][0 if self.version == "v1" else 1]

    async def made(self, kind: PaymentRequestKind, amount_minor: int = 12500) -> str | None:
        """What a payment request of this kind is about; the id of a payment to act on, or None for a charge."""
        async with PayTraceClient(self.sandbox.client_settings()) as shop:
            if kind is PaymentRequestKind.CHARGE:
                await shop.create_customer("acme-inc", card=CARD, billing_address={"name": "Kevin"})
                return None
            charge = Charge(amount_minor=amount_minor, invoice_number="RE-1")
            if kind is PaymentRequestKind.CAPTURE:
                return (await authorized(shop, charge)).transaction_id
            answer = await shop.sale_keyed(CARD, charge)
            if kind is PaymentRequestKind.REFUND:
                self.sandbox.admin("settle", {})
            return answer.transaction_id

    async def begun(
        self,
        kind: PaymentRequestKind,
        payment: str | None,
        amount_minor: int = 5000,
        reference: str = "SALDO-R-1",
        **more: Any,
    ) -> CarryOutGatewayCall:
        call = await self.sink.begin(request(kind, payment, amount_minor, reference, **more))
        assert isinstance(call, GatewayCallBegun), call
        return CarryOutGatewayCall(**{name: getattr(call, name) for name in CarryOutGatewayCall.__dataclass_fields__})

    def effects(self, kind: PaymentRequestKind) -> int:
        """How often the books show what a payment request of this kind asks for."""
        books = self.sandbox.books().values()
        return sum(
            {
                PaymentRequestKind.REFUND: entry["kind"] == "REFUND",
                PaymentRequestKind.VOID: entry["state"] == "VOIDED",
                PaymentRequestKind.CAPTURE: entry["state"] == "PENDING",
                PaymentRequestKind.CHARGE: entry["invoice_id"] == "SALDO-R-1",
            }[kind]
            for entry in books
        )


class Overtaken:
    """A client whose void reaches PayTrace just after one of an earlier attempt."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def void(self, transaction_id: str) -> Any:
        await self._client.void(transaction_id)
        return await self._client.void(transaction_id)


def request(
    kind: PaymentRequestKind, payment: str | None, amount_minor: int = 5000, reference: str = "SALDO-R-1", **more: Any
) -> RequestGatewayCall:
    fields: dict[str, Any] = {
        "payment_request_id": "(1,900,0)",
        "call_reference": reference,
        "subject": f"payment/{payment}",
        "kind": kind,
        "paytrace_transaction_id": payment,
        "vault_customer_id": "acme-inc" if kind is PaymentRequestKind.CHARGE else None,
        "abas_customer_id": "70001",
        "description": "",
        "amount_minor": 12500 if kind is PaymentRequestKind.CAPTURE else amount_minor,
        "currency": "USD",
        "occurred_at": NOON,
        **more,
    }
    return RequestGatewayCall(**fields)


@pytest.fixture(params=["v1", "v3"])
async def till(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[Till]:
    opened = Till(sandbox, request.param)
    yield opened
    await opened.client.aclose()


ALL = [PaymentRequestKind.REFUND, PaymentRequestKind.VOID, PaymentRequestKind.CAPTURE, PaymentRequestKind.CHARGE]


@pytest.mark.parametrize("kind", ALL)
async def test_a_payment_request_is_carried_out_and_a_repeat_finds_it_done(
    till: Till, kind: PaymentRequestKind
) -> None:
    call = await till.begun(kind, await till.made(kind))
    first = await till.sink.carry_out(call, NOBODY)
    again = await till.process("b").carry_out(call, NOBODY)
    assert isinstance(first, GatewayCallDone), first
    assert isinstance(again, GatewayCallDone), again
    assert again.result_transaction_id == first.result_transaction_id
    assert (first.result_transaction_id is not None) == (kind in {PaymentRequestKind.REFUND, PaymentRequestKind.CHARGE})
    assert till.effects(kind) == 1


@pytest.mark.parametrize("kind", ALL)
async def test_an_answer_that_is_lost_after_the_effect_is_looked_up(till: Till, kind: PaymentRequestKind) -> None:
    call = await till.begun(kind, await till.made(kind))
    till.sandbox.admin("faults", {"cut_after": {"count": 1, "path": till.path_of(kind)}})
    outcome = await till.sink.carry_out(call, NOBODY)
    assert isinstance(outcome, GatewayCallDone), outcome
    assert till.effects(kind) == 1


async def test_a_charge_for_an_invoice_carries_its_number_and_is_found_by_our_reference(till: Till) -> None:
    await till.made(PaymentRequestKind.CHARGE)
    async with PayTraceClient(till.sandbox.client_settings()) as shop:
        theirs = await shop.sale_keyed(CARD, Charge(amount_minor=5000, invoice_number="RE-1"))
    call = await till.begun(PaymentRequestKind.CHARGE, None, invoice_number="RE-1")
    till.sandbox.admin("faults", {"cut_after": {"count": 1, "path": till.path_of(PaymentRequestKind.CHARGE)}})
    outcomes = [await sink.carry_out(call, NOBODY) for sink in (till.sink, till.process("b"))]
    (ours,) = {outcome.result_transaction_id for outcome in outcomes if isinstance(outcome, GatewayCallDone)}
    named = {name for name, row in till.sandbox.books().items() if row["invoice_id"] == "RE-1"}
    assert named == {theirs.transaction_id, ours}


async def test_a_charge_for_several_invoices_names_them_to_the_payer_and_carries_our_reference(till: Till) -> None:
    await till.made(PaymentRequestKind.CHARGE)
    call = await till.begun(PaymentRequestKind.CHARGE, None, description="RE-1, RE-2")
    outcome = await till.sink.carry_out(call, NOBODY)
    assert isinstance(outcome, GatewayCallDone), outcome
    [row] = till.sandbox.books().values()
    assert (row["invoice_id"], outcome.result_transaction_id) == ("SALDO-R-1", row["id"])
    async with PayTraceClient(till.sandbox.client_settings()) as shop:
        shown = await shop.export_transaction(row["id"])
    assert shown is not None
    assert shown["description"] == "RE-1, RE-2"


@pytest.mark.parametrize("kind", [PaymentRequestKind.VOID, PaymentRequestKind.CAPTURE])
async def test_what_paytrace_takes_once_is_made_after_another_look(till: Till, kind: PaymentRequestKind) -> None:
    call = await till.begun(kind, await till.made(kind))
    till.sandbox.admin("faults", {"cut_before": {"count": 1, "path": till.path_of(kind)}})
    with pytest.raises(CallStillUnknown):
        await till.sink.carry_out(call, NOBODY)
    assert till.effects(kind) == 0
    assert isinstance(await till.sink.carry_out(call, NOBODY), GatewayCallDone)
    assert till.effects(kind) == 1


@pytest.mark.parametrize("kind", [PaymentRequestKind.REFUND, PaymentRequestKind.CHARGE])
async def test_what_paytrace_takes_twice_is_left_to_a_person_when_no_trace_shows(
    till: Till, kind: PaymentRequestKind
) -> None:
    call = await till.begun(kind, await till.made(kind))
    till.sandbox.admin("faults", {"cut_before": {"count": 1, "path": till.path_of(kind)}})
    for sink in (till.sink, till.sink, till.process("b")):
        with pytest.raises(CallInDoubt):
            await sink.carry_out(call, NOBODY)
    assert till.effects(kind) == 0


async def test_a_void_that_is_refused_because_an_earlier_attempt_worked_is_done(till: Till) -> None:
    call = await till.begun(PaymentRequestKind.VOID, payment := await till.made(PaymentRequestKind.VOID))
    sink = PayTraceSink(Overtaken(till.client), till.settings, till.rights("a"), now=lambda: NOON)
    assert isinstance(await sink.carry_out(call, NOBODY), GatewayCallDone)
    assert till.sandbox.books()[payment or ""]["state"] == "VOIDED"


async def test_nothing_is_sent_while_paytrace_can_not_be_asked(till: Till) -> None:
    call = await till.begun(PaymentRequestKind.REFUND, await till.made(PaymentRequestKind.REFUND))
    till.sandbox.admin("faults", {"http_503": {"path": "/v1/transactions/export"}})
    till.sandbox.admin("faults", {"http_503": {"path": "/v3/transaction"}} if till.version == "v3" else {})
    with pytest.raises(PayTraceUnavailable):
        await till.sink.carry_out(call, NOBODY)
    assert till.effects(PaymentRequestKind.REFUND) == 0


async def test_equal_refunds_of_one_payment_are_not_taken_for_each_other(till: Till) -> None:
    payment = await till.made(PaymentRequestKind.REFUND)
    first = await till.begun(PaymentRequestKind.REFUND, payment)
    second = await till.begun(PaymentRequestKind.REFUND, payment, reference="SALDO-R-2")
    one = await till.sink.carry_out(first, NOBODY)
    assert isinstance(one, GatewayCallDone)
    two = await till.sink.carry_out(second, frozenset({one.result_transaction_id or ""}))
    assert isinstance(two, GatewayCallDone)
    assert one.result_transaction_id != two.result_transaction_id
    assert till.effects(PaymentRequestKind.REFUND) == 2


async def test_a_refund_that_was_there_before_is_not_taken_for_ours(till: Till) -> None:
    payment = await till.made(PaymentRequestKind.REFUND)
    async with PayTraceClient(till.sandbox.client_settings()) as shop:
        by_hand = await shop.refund(payment or "", 5000)
    call = await till.begun(PaymentRequestKind.REFUND, payment)
    assert call.seen_before == (by_hand.transaction_id,)
    outcome = await till.sink.carry_out(call, NOBODY)
    assert isinstance(outcome, GatewayCallDone)
    assert outcome.result_transaction_id != by_hand.transaction_id
    assert till.effects(PaymentRequestKind.REFUND) == 2


@pytest.mark.parametrize(
    ("kind", "made", "code"),
    [
        (PaymentRequestKind.REFUND, PaymentRequestKind.VOID, {"v1": "817", "v3": "107"}),
        (PaymentRequestKind.VOID, PaymentRequestKind.REFUND, {"v1": "818", "v3": "110"}),
        (PaymentRequestKind.CAPTURE, PaymentRequestKind.REFUND, {"v1": "not-authorized", "v3": "not-authorized"}),
    ],
)
async def test_what_paytrace_refuses_is_a_fact(
    till: Till, kind: PaymentRequestKind, made: PaymentRequestKind, code: dict[str, str]
) -> None:
    call = await till.begun(kind, await till.made(made, 9900))
    outcome = await till.sink.carry_out(call, NOBODY)
    assert isinstance(outcome, GatewayCallRefused), outcome
    assert outcome.code == code[till.version]
    assert outcome.message


async def test_a_capture_whose_status_nobody_can_read_is_neither_done_nor_refused(till: Till) -> None:
    call = await till.begun(PaymentRequestKind.CAPTURE, await till.made(PaymentRequestKind.CAPTURE))
    till.sandbox.admin("faults", {"odd_status": True})
    with pytest.raises(UnreadableAnswer, match="not known"):
        await till.sink.carry_out(call, NOBODY)
    till.sandbox.admin("faults", {"clear": True})
    assert isinstance(await till.sink.carry_out(call, NOBODY), GatewayCallDone)
    assert till.effects(PaymentRequestKind.CAPTURE) == 1


async def test_a_declined_charge_is_a_fact_and_stays_one(till: Till) -> None:
    await till.made(PaymentRequestKind.CHARGE)
    call = await till.begun(PaymentRequestKind.CHARGE, None, amount_minor=29)
    for sink in (till.sink, till.process("b")):
        assert isinstance(await sink.carry_out(call, NOBODY), GatewayCallRefused)
    assert till.effects(PaymentRequestKind.CHARGE) == 1


async def test_a_customer_without_a_card_is_debited_once_for_our_key(till: Till) -> None:
    store_account(till.sandbox, "acme-inc")
    call = await till.begun(PaymentRequestKind.CHARGE, None)
    outcomes = [await sink.carry_out(call, NOBODY) for sink in (till.sink, till.process("b"))]
    debits = [entry for entry in till.sandbox.books().values() if entry["kind"].startswith("ACH")]
    if till.version == "v1":
        assert debits == []
        assert {outcome.code for outcome in outcomes} == {"not-offered"}
        return
    assert len(debits) == 1
    for outcome in outcomes:
        assert isinstance(outcome, GatewayCallDone), outcome
        assert outcome.result_transaction_id == debits[0]["id"]


async def test_an_unknown_payment_or_customer_is_refused_before_any_call(till: Till) -> None:
    assert isinstance(await till.sink.begin(request(PaymentRequestKind.REFUND, "5")), GatewayCallRefused)
    for kind in (PaymentRequestKind.VOID, PaymentRequestKind.CAPTURE, PaymentRequestKind.CHARGE):
        call = await till.begun(kind, None if kind is PaymentRequestKind.CHARGE else "5")
        assert isinstance(await till.sink.carry_out(call, NOBODY), GatewayCallRefused)
    assert till.sandbox.books() == {}


async def test_a_payment_request_that_waited_too_long_is_not_carried_out(till: Till) -> None:
    old = request(PaymentRequestKind.CHARGE, None, occurred_at=NOON - timedelta(days=2))
    outcome = await till.sink.begin(old)
    assert isinstance(outcome, GatewayCallRefused)
    assert outcome.code == "too-old"
