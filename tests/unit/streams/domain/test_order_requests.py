"""What an order asks of PayTrace: captures at shipment, voids and refunds of the shop, each once and none too much."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest

from schemas.files.owned import FileInvalid
from schemas.records.by_topic import OrdersInbox
from schemas.records.erp import RecordSaved
from schemas.records.gateway import PaymentRequestKind as Kind
from schemas.records.gateway import PaymentRequestObserved
from schemas.records.gateway import PaymentRequestProgress as Progress
from schemas.records.orders import (
    DecideOrder,
    DeliveredLine,
    OrderCustomerFound,
    OrderDecision,
    OrderDeliveryObserved,
    OrderObserved,
    OrderPaymentReported,
    OrderPaymentRequested,
    OrderPaymentStatus,
    OrderRequestAnswered,
    OrderStatus,
    OrderWaitReason,
    ShopRefundObserved,
)
from schemas.topic import Topic
from streams.domain.gateway import decider as gateway
from streams.domain.orders import INITIAL, Event, State, decide, evolve, route
from streams.domain.orders.policy import Policy
from streams.rules.catalogue import orders_policy
from tests.support.examples import example
from tests.support.policies import ORDERS as SHIPPED
from tests.support.policies import REQUESTS

POLICY = replace(
    SHIPPED, shipping="FREIGHT", sales_orders="authorized", captures="first_shipment", takes_back="request"
)
ORDER: OrderObserved = replace(example("OrderObserved"), status=OrderStatus.ON_HOLD, raw_status="on-hold")
CAPTURED: OrderPaymentReported = example("OrderPaymentReported")
AUTHORIZED = replace(
    CAPTURED, status=OrderPaymentStatus.AUTHORIZED, revision=1, authorized_minor=7304, captured_minor=0
)
LINKED: OrderCustomerFound = example("OrderCustomerFound")
SAVED: RecordSaved = replace(example("RecordSaved"), kind="sales_order", natural_key=ORDER.shop_order)
REFUND: ShopRefundObserved = replace(example("ShopRefundObserved"), is_sent_by_shop=False)
AGAIN: DecideOrder = replace(example("DecideOrder"), decision=OrderDecision.TRY_AGAIN, abas_customer_id=None)


def shipped(quantity: int, number: str = "LS-1", days: float = 1.0) -> OrderDeliveryObserved:
    """So many pumps, some days after the payment was authorized."""
    lines = (DeliveredLine(line_id=ORDER.lines[0].line_id, quantity=str(quantity)),)
    at = AUTHORIZED.occurred_at + timedelta(days=days)
    note: OrderDeliveryObserved = example("OrderDeliveryObserved")
    return replace(note, delivery_number=number, delivered_lines=lines, observed_at=at)


def told(*records: OrdersInbox, policy: Policy = POLICY, state: State = INITIAL) -> tuple[State, list[Event]]:
    events: list[Event] = []
    for record in records:
        new = decide(state, record, policy)
        state = reduce(evolve, new, state)
        events += new
    return state, events


def requests(events: list[Event]) -> list[tuple[str, Kind, int]]:
    found = [one for one in events if isinstance(one, OrderPaymentRequested)]
    return [(one.payment_request_id, one.kind, one.amount_minor) for one in found]


def answer(name: str, status: Progress, message: str = "") -> OrderRequestAnswered:
    answered: OrderRequestAnswered = example("OrderRequestAnswered")
    return replace(answered, payment_request_id=name, status=status, message=message)


CAPTURE = "shop:main/1203:capture:395970002"


@pytest.mark.parametrize(
    ("captures", "notes", "wanted"),
    [
        ("by_shop", [shipped(3)], []),
        ("first_shipment", [], []),
        ("first_shipment", [shipped(1), shipped(1), shipped(2, "LS-2")], [(CAPTURE, Kind.CAPTURE, 7304)]),
        ("last_shipment", [shipped(1)], []),
        ("last_shipment", [shipped(1), shipped(2, "LS-2")], [(CAPTURE, Kind.CAPTURE, 7304)]),
    ],
)
def test_what_is_authorized_is_captured_once_abas_ships(captures: Any, notes: list[Any], wanted: list[Any]) -> None:
    policy = replace(POLICY, captures=captures)
    _, events = told(ORDER, AUTHORIZED, LINKED, SAVED, *notes, policy=policy)
    assert requests(events) == wanted


def test_an_authorization_that_lapsed_waits_and_is_captured_on_a_persons_word() -> None:
    state, events = told(ORDER, AUTHORIZED, LINKED, SAVED, shipped(3, days=7.1))
    assert requests(events) == []
    assert state.waits is not None
    assert state.waits.reason is OrderWaitReason.AUTHORIZATION_LAPSED
    take = replace(AGAIN, decision=OrderDecision.TAKE)
    _, events = told(take, state=state)
    assert requests(events) == [(CAPTURE, Kind.CAPTURE, 7304)]


def test_a_refused_capture_waits_and_is_asked_again_under_another_id() -> None:
    refused = answer(CAPTURE, Progress.REFUSED, "declined: expired")
    state, events = told(ORDER, AUTHORIZED, LINKED, SAVED, shipped(3), refused, refused)
    assert state.waits is not None
    assert (state.waits.reason, "expired" in state.waits.detail) == (OrderWaitReason.REQUEST_REFUSED, True)
    _, events = told(AGAIN, state=state)
    assert requests(events) == [(f"{CAPTURE}:1", Kind.CAPTURE, 7304)]
    # Somebody captured it in PayTrace: nothing is left to be refused.
    state, _ = told(replace(CAPTURED, revision=5), state=state)
    assert state.waits is None


def test_what_the_shop_cancels_while_it_is_authorized_is_voided() -> None:
    cancelled = replace(ORDER, status=OrderStatus.CANCELLED, raw_status="cancelled")
    _, events = told(ORDER, AUTHORIZED, LINKED, SAVED, cancelled)
    assert requests(events) == [("shop:main/1203:void:395970002", Kind.VOID, 7304)]


def refund(number: str, minor: int) -> ShopRefundObserved:
    return replace(REFUND, shop_refund_id=number, amount_minor=minor, refund_lines=())


def proved(minor: int, revision: int) -> OrderPaymentReported:
    return replace(CAPTURED, revision=revision, refunded_minor=minor)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ([refund("1", 500), refund("1", 500)], [("1", 500)]),
        ([replace(refund("1", 500), is_sent_by_shop=True)], []),  # its gateway was asked
        ([replace(refund("1", 500), write_reference="ours")], []),
        ([proved(500, 8), refund("1", 500)], []),  # somebody refunded it in PayTrace, and noted it in the shop
        ([proved(300, 8), refund("1", 500)], [("1", 200)]),
        ([refund("1", 500), refund("2", 700)], [("1", 500), ("2", 700)]),
        ([refund("1", 500), proved(500, 8), refund("2", 700)], [("1", 500), ("2", 700)]),
        ([proved(1000, 8), refund("0", 1000), refund("1", 500), refund("2", 500)], [("1", 500), ("2", 500)]),
    ],
)
def test_a_refund_that_the_shop_made_without_its_gateway_is_asked_of_paytrace_once(
    facts: list[Any], wanted: list[tuple[str, int]]
) -> None:
    _, events = told(ORDER, CAPTURED, LINKED, *facts)
    expected = [(f"shop:main/1203:refund:{number}", Kind.REFUND, minor) for number, minor in wanted]
    assert requests(events) == expected
    _, events = told(ORDER, CAPTURED, LINKED, *facts, policy=replace(POLICY, takes_back="record"))
    assert requests(events) == []


@pytest.mark.parametrize("seed", range(40))
def test_paytrace_is_never_asked_for_more_than_the_shop_shows(seed: int) -> None:
    chance = random.Random(seed)
    facts: list[OrdersInbox] = [refund(str(number), chance.choice([100, 200, 500])) for number in range(4)]
    facts += [proved(minor, 10 + number) for number, minor in enumerate((100, 300))]
    chance.shuffle(facts)
    _, events = told(ORDER, CAPTURED, LINKED, *facts, *facts)
    shown = sum(one.amount_minor or 0 for one in facts if isinstance(one, ShopRefundObserved))
    asked = requests(events)
    assert sum(minor for _, _, minor in asked) <= shown
    assert len({name for name, _, _ in asked}) == len(asked)


def test_a_request_goes_the_way_of_all_others_and_its_answer_comes_back_to_the_order() -> None:
    state, events = told(ORDER, AUTHORIZED, LINKED, SAVED, shipped(3))
    [asked] = [one for one in events if isinstance(one, OrderPaymentRequested)]
    [output] = route(state, asked)
    assert output.topic == Topic.GATEWAY_INBOX
    assert isinstance(output.record, PaymentRequestObserved)
    assert output.record.requester == "shop:main"
    [accepted] = gateway.decide(gateway.INITIAL, output.record, REQUESTS)
    sent = gateway.route(gateway.evolve(gateway.INITIAL, accepted), accepted)
    assert [one.topic for one in sent] == [Topic.GATEWAY_COMMANDS, Topic.ORDERS_INBOX]
    [answered] = [one.record for one in sent if isinstance(one.record, OrderRequestAnswered)]
    assert (answered.shop_order, answered.status) == ("main/1203", Progress.ACCEPTED)


def test_a_capture_at_shipment_needs_sales_orders_of_what_is_authorized() -> None:
    text = "version: 1\nsales_orders: captured\nshows_refunds: true\ncaptures: first_shipment\nlapses_after_days: 7\n"
    with pytest.raises(FileInvalid, match="authorized"):
        orders_policy(f"{text}takes_back: record\nsku: is_product\n")
