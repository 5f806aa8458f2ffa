"""Payment requests: what is carried out, what is turned down and why, and that nothing is carried out twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.gateway import (
    GatewayCallDone,
    GatewayCallRefused,
    PaymentRequestAccepted,
    PaymentRequestClosed,
    PaymentRequestKind,
    PaymentRequestObserved,
    PaymentRequestRejected,
    PaymentRequestStatus,
    RequestGatewayCall,
)
from schemas.topic import Topic
from streams.domain import gateway
from streams.domain.gateway.decider import call_reference
from tests.support.typed import as_a

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REFUND = PaymentRequestObserved(
    payment_request_id="(4712,900,0)",
    payment_request_number="ZW-40001",
    kind=PaymentRequestKind.REFUND,
    raw_kind="refund",
    status=PaymentRequestStatus.OPEN,
    raw_status="OPEN",
    abas_customer_id="70001",
    amount_minor=1250,
    currency="USD",
    paytrace_transaction_id="79388123",
    vault_customer_id="acme-inc",
    requester="M. Muster",
    reason="Goods came back damaged.",
    observed_at=NOW,
    raw="{}",
)
CHARGE = replace(REFUND, kind=PaymentRequestKind.CHARGE, paytrace_transaction_id=None)


def events_of(*records: Any) -> list[Any]:
    state = gateway.INITIAL
    reported: list[Any] = []
    for record in records:
        events = gateway.decide(state, record)
        state = reduce(gateway.evolve, events, state)
        reported += events
    return reported


def outcome_of(accepted: PaymentRequestAccepted, *, is_done: bool) -> GatewayCallDone | GatewayCallRefused:
    names = set(PaymentRequestAccepted.__dataclass_fields__) - {"invoice_number", "merchant"}
    fields = {name: getattr(accepted, name) for name in names}
    if is_done:
        return GatewayCallDone(**fields, result_transaction_id="79388456", code="106", message="refunded")
    return GatewayCallRefused(**fields, code="817", message="not settled")


def test_a_charge_carries_the_invoice_that_it_pays_and_nothing_else_does() -> None:
    [charge] = events_of(replace(CHARGE, invoice_number="RE-1"))
    [output] = gateway.route(gateway.INITIAL, charge)
    assert as_a(RequestGatewayCall, output.record).invoice_number == "RE-1"
    [refund] = events_of(replace(REFUND, invoice_number="RE-1"))
    assert refund.invoice_number is None
    [complaint] = events_of(replace(CHARGE, invoice_number="R" * 51))
    assert complaint.code == "invoice-too-long"


def test_an_open_payment_request_becomes_one_call_and_a_repeat_is_silent() -> None:
    [accepted] = events_of(REFUND, REFUND, replace(REFUND, reason="typed again", amount_minor=99))
    assert (accepted.call_reference, accepted.subject) == ("SALDO-R-4712-900-0", "payment/79388123")
    [output] = gateway.route(gateway.INITIAL, accepted)
    assert output.topic == Topic.GATEWAY_COMMANDS
    assert isinstance(output.record, RequestGatewayCall)
    assert (output.record.amount_minor, output.record.kind) == (1250, PaymentRequestKind.REFUND)


def test_a_charge_is_about_the_vault_customer_alone() -> None:
    [accepted] = events_of(CHARGE)
    assert (accepted.subject, accepted.paytrace_transaction_id) == ("vault/acme-inc", None)
    assert accepted.vault_customer_id == "acme-inc"


@pytest.mark.parametrize(
    "status", [status for status in PaymentRequestStatus if status is not PaymentRequestStatus.OPEN]
)
def test_only_an_open_payment_request_asks_for_anything(status: PaymentRequestStatus) -> None:
    assert events_of(replace(REFUND, status=status)) == []


@pytest.mark.parametrize(
    ("payment_request", "code"),
    [
        (replace(REFUND, kind=PaymentRequestKind.UNKNOWN, raw_kind="ask"), "unknown-kind"),
        (replace(REFUND, currency="EUR"), "currency"),
        (replace(REFUND, amount_minor=0), "no-amount"),
        (replace(REFUND, paytrace_transaction_id=None), "no-payment"),
        (replace(REFUND, paytrace_transaction_id="check-981601"), "bank-debit"),
        (replace(CHARGE, vault_customer_id=None), "no-vault-customer"),
    ],
)
def test_what_can_not_be_carried_out_says_why_once_and_may_be_put_right(
    payment_request: PaymentRequestObserved, code: str
) -> None:
    turned_down, accepted = events_of(payment_request, payment_request, REFUND)
    assert isinstance(turned_down, PaymentRequestRejected)
    assert turned_down.code == code
    assert isinstance(accepted, PaymentRequestAccepted)
    assert gateway.route(gateway.INITIAL, turned_down) == ()


def test_a_void_needs_no_amount() -> None:
    assert isinstance(
        events_of(replace(REFUND, kind=PaymentRequestKind.VOID, amount_minor=0))[0], PaymentRequestAccepted
    )


@pytest.mark.parametrize("is_done", [True, False])
def test_an_outcome_closes_the_payment_request_for_good(is_done: bool) -> None:
    [accepted] = events_of(REFUND)
    outcome = outcome_of(accepted, is_done=is_done)
    closed = events_of(REFUND, outcome, outcome, REFUND)[1:]
    assert [type(event) for event in closed] == [PaymentRequestClosed]
    assert closed[0].is_done is is_done
    assert closed[0].result_transaction_id == ("79388456" if is_done else None)


def test_an_outcome_of_what_was_never_asked_is_silent() -> None:
    [accepted] = events_of(REFUND)
    assert events_of(outcome_of(accepted, is_done=True)) == []


@given(st.lists(st.sampled_from(["open", "changed", "cancelled", "done", "refused"]), max_size=8))
def test_whatever_is_reported_in_whatever_order_a_payment_request_is_carried_out_at_most_once(story: list[str]) -> None:
    [accepted] = events_of(REFUND)
    records = {
        "open": REFUND,
        "changed": replace(REFUND, amount_minor=700),
        "cancelled": replace(REFUND, status=PaymentRequestStatus.CANCELLED),
        "done": outcome_of(accepted, is_done=True),
        "refused": outcome_of(accepted, is_done=False),
    }
    reported = [type(event) for event in events_of(*(records[word] for word in story))]
    assert reported.count(PaymentRequestAccepted) <= 1
    assert reported.count(PaymentRequestClosed) <= reported.count(PaymentRequestAccepted)


@pytest.mark.parametrize("payment_request_id", ["(4712,900,0)", "x" * 300, "(1,2,3)"])
def test_a_reference_fits_into_an_invoice_number(payment_request_id: str) -> None:
    reference = call_reference(payment_request_id)
    assert len(reference) <= 50
    assert reference == call_reference(payment_request_id)
    assert reference.replace("-", "").isalnum()
