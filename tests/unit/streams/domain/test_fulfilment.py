"""Order to cash: what abas and the shop get follows from the facts, in whichever order and however often they come."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import pytest

from schemas.records.by_topic import OrdersInbox
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from schemas.records.orders import (
    DecideOrder,
    DeliveredLine,
    OrderCustomerFound,
    OrderCustomerSource,
    OrderDecided,
    OrderDecision,
    OrderDecisionRefused,
    OrderDeliveryObserved,
    OrderLine,
    OrderMoneyNamed,
    OrderObserved,
    OrderPayerNamed,
    OrderPaymentAsked,
    OrderPaymentReported,
    OrderPaymentStatus,
    OrderStatus,
    OrderTransaction,
    OrderWaitReason,
    ShopRefundGoneObserved,
    ShopRefundObserved,
    ShopWriteKind,
    ShopWritten,
    WriteToShop,
)
from streams.domain.orders import INITIAL, Event, State, decide, evolve
from streams.domain.orders.policy import Policy
from streams.domain.orders.progress import wait_of
from streams.domain.orders.sales_order import rows_of
from tests.support.examples import example
from tests.support.policies import ORDERS as SHIPPED

POLICY = replace(SHIPPED, shipping="FREIGHT", fee="FEE", tax_codes={"US-CA-TAX-1": "U1"})
ORDER: OrderObserved = replace(example("OrderObserved"), status=OrderStatus.PENDING, raw_status="pending")
CAPTURED: OrderPaymentReported = example("OrderPaymentReported")
LINKED: OrderCustomerFound = example("OrderCustomerFound")
SAVED: RecordSaved = replace(example("RecordSaved"), kind="sales_order")
WRITTEN: ShopWritten = example("ShopWritten")
Status = OrderPaymentStatus
OTHER = "395970003"
TWO = (*ORDER.transactions, OrderTransaction(paytrace_transaction_id=OTHER, found_in="transaction_id"))


def payment(status: Status, revision: int = 1, of: str = "395970002", **more: Any) -> OrderPaymentReported:
    amounts = {
        "authorized_minor": CAPTURED.captured_minor if status is Status.AUTHORIZED else 0,
        "captured_minor": CAPTURED.captured_minor if status is Status.CAPTURED else 0,
    }
    about = {"status": status, "revision": revision, "paytrace_transaction_id": of, **amounts, **more}
    return replace(CAPTURED, **about)


@dataclass
class World:
    """An order's saga with an abas and a shop that answer it; answers wait in `due` until they are delivered."""

    state: State = INITIAL
    policy: Policy = POLICY
    told: list[Event] = field(default_factory=list)
    due: list[OrdersInbox] = field(default_factory=list)
    shop_status: str = "pending"
    sales_orders: dict[str, SaveRecord] = field(default_factory=dict)

    def take(self, record: OrdersInbox) -> tuple[Event, ...]:
        events = decide(self.state, record, self.policy)
        self.state = reduce(evolve, events, self.state)
        self.told += events
        for event in events:
            match event:
                case SaveRecord():
                    self.sales_orders[event.natural_key] = event
                    saved: RecordSaved = replace(SAVED, natural_key=event.natural_key, subject=event.subject)
                    self.due.append(saved)
                case WriteToShop():
                    if event.kind is ShopWriteKind.STATUS and self.shop_status in event.from_statuses:
                        assert event.shop_status is not None
                        self.shop_status = event.shop_status
                    self.due.append(replace(WRITTEN, command_id=event.command_id, kind=event.kind))
                case _:
                    pass
        return events

    def end(self) -> None:
        while self.due:
            self.take(self.due.pop(0))

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What is true at the end, without when and in which order."""
        waits = wait_of(self.state, POLICY)
        # A sales order of nothing is as good as none.
        orders = {key: (one.subject, one.values, set_of(one)) for key, one in self.sales_orders.items() if set_of(one)}
        money = sorted(self.state.money)
        return self.shop_status, orders, money, waits and waits.reason, self.state.waits and self.state.waits.reason


def set_of(order: SaveRecord) -> frozenset[tuple[str, tuple[tuple[str, str], ...]]]:
    kept = (row for row in order.rows if row.values["quantity"] != "0")  # a row of nothing is none
    return frozenset((row.row_key, tuple(sorted(row.values.items()))) for row in kept)


def world(*records: OrdersInbox) -> World:
    made = World()
    for record in records:
        made.take(record)
        made.end()
    return made


def of(made: World, kind: type[Any]) -> list[Any]:
    return [event for event in made.told if isinstance(event, kind)]


def statuses(made: World) -> list[str | None]:
    return [one.shop_status for one in of(made, WriteToShop) if one.kind is ShopWriteKind.STATUS]


def test_a_paid_order_becomes_a_sales_order_with_its_money_and_the_shop_hears_of_it() -> None:
    made = world(ORDER, CAPTURED, LINKED)
    [asked] = of(made, OrderPaymentAsked)
    assert asked.paytrace_transaction_id == "395970002"
    assert [one.abas_customer_id for one in of(made, OrderPayerNamed)] == [None, "70001"]
    [sales_order] = of(made, SaveRecord)
    assert (sales_order.natural_key, sales_order.subject) == ("main/1203", "70001")
    assert sales_order.values == {
        "customer": "70001",
        "currency": "USD",
        "ordered_on": "2026-11-20",
        "order_number": "W1203",
        "gross": "73.04",
    }
    assert [row.values for row in sales_order.rows] == [
        {"product": "PUMP-3", "quantity": "3", "price": "19.99", "category": "1099", "tax_code": "U1"},
        {"product": "FREIGHT", "quantity": "1", "price": "7.50", "tax_code": "U1"},
    ]
    assert [one.paytrace_transaction_id for one in of(made, OrderMoneyNamed)] == ["395970002"]
    assert statuses(made) == ["processing"]
    assert made.state.waits is None


def test_the_shop_proves_no_money() -> None:
    paid = replace(ORDER, status=OrderStatus.COMPLETED, raw_status="completed", is_captured=True)
    made = world(paid, LINKED, payment(Status.AUTHORIZED))
    assert not of(made, SaveRecord)
    assert not of(made, OrderMoneyNamed)
    assert statuses(made) == ["on-hold"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (replace(ORDER, status=OrderStatus.PROCESSING, transactions=()), OrderWaitReason.PAYMENT_NOT_NAMED),
        (replace(ORDER, status=OrderStatus.ON_HOLD), OrderWaitReason.PAYMENT_UNKNOWN),
        (replace(CAPTURED, shop_orders=("main/1203", "main/1204")), OrderWaitReason.PAYMENT_SHARED),
        (replace(CAPTURED, currency="EUR"), OrderWaitReason.CURRENCY_DIFFERS),
        (replace(CAPTURED, captured_minor=7303), OrderWaitReason.AMOUNT_DIFFERS),
        (CAPTURED, OrderWaitReason.CUSTOMER_UNKNOWN),
        (replace(ORDER, status=OrderStatus.PENDING), None),
        (payment(Status.DECLINED), None),
    ],
)
def test_what_an_order_waits_for_is_said(record: OrdersInbox, reason: OrderWaitReason | None) -> None:
    made = world(ORDER, record)
    assert (made.state.waits and made.state.waits.reason) == reason
    assert not of(made, SaveRecord)


def test_sources_that_name_two_customers_wait_for_a_person() -> None:
    other = replace(LINKED, source=OrderCustomerSource.PAYMENT, abas_customer_id="70002")
    made = world(ORDER, LINKED, other, CAPTURED)
    assert made.state.waits is not None
    assert made.state.waits.reason is OrderWaitReason.CUSTOMER_CONTESTED
    assert not of(made, SaveRecord)
    decided: DecideOrder = example("DecideOrder")
    made.take(replace(decided, abas_customer_id="70002"))
    made.end()
    assert [one.subject for one in of(made, SaveRecord)] == ["70002"]
    assert made.state.waits is None


def test_a_decline_posts_nothing_and_the_shop_hears_why() -> None:
    made = world(ORDER, LINKED, payment(Status.DECLINED, detail="Insufficient funds"))
    assert statuses(made) == ["failed"]
    [note] = [one for one in of(made, WriteToShop) if one.kind is ShopWriteKind.NOTE]
    assert "Insufficient funds" in note.text
    assert not of(made, SaveRecord)


def test_a_second_card_after_a_decline_pays_the_order() -> None:
    both = (*ORDER.transactions, OrderTransaction(paytrace_transaction_id="395970003", found_in="transaction_id"))
    made = world(ORDER, LINKED, payment(Status.DECLINED), replace(ORDER, transactions=both))
    made.take(payment(Status.CAPTURED, of="395970003"))
    made.end()
    assert statuses(made) == ["failed", "processing"]
    assert made.shop_status == "processing"
    assert len(of(made, SaveRecord)) == 1


def test_what_the_shop_changes_later_changes_the_sales_order_and_a_dropped_line_is_a_row_of_nothing() -> None:
    pump, shipping = ORDER.lines
    made = world(ORDER, CAPTURED, LINKED, replace(ORDER, lines=(replace(pump, quantity="2", net_minor=3998), shipping)))
    assert [row.values["quantity"] for row in of(made, SaveRecord)[-1].rows] == ["2", "1"]
    made.take(replace(ORDER, lines=(pump,)))
    assert [row.values["quantity"] for row in of(made, SaveRecord)[-1].rows] == ["3", "0"]


def test_abas_refusal_waits_and_is_tried_again() -> None:
    made = World()
    for record in (ORDER, CAPTURED, LINKED):
        made.take(record)
    refused: RecordRefused = replace(example("RecordRefused"), kind="sales_order", natural_key="main/1203")
    made.due.clear()
    made.take(refused)
    assert made.state.waits is not None
    assert made.state.waits.reason is OrderWaitReason.REFUSED_BY_ERP
    again: DecideOrder = replace(example("DecideOrder"), decision=OrderDecision.TRY_AGAIN, abas_customer_id=None)
    made.take(again)
    assert len(of(made, SaveRecord)) == 2
    made.end()
    assert made.state.waits is None


def test_a_decision_is_taken_once_and_refused_where_nothing_waits() -> None:
    take: DecideOrder = replace(example("DecideOrder"), decision=OrderDecision.TAKE, abas_customer_id=None)
    made = world(ORDER, LINKED, replace(CAPTURED, captured_minor=7300), take, take)
    assert len(of(made, OrderDecided)) == 1
    assert len(of(made, SaveRecord)) == 1
    made = world(ORDER, LINKED, CAPTURED, take)
    assert [one.refused_because for one in of(made, OrderDecisionRefused)] == [
        "order main/1203 waits for nothing, which can't be taken"
    ]


def test_a_payment_that_another_order_names_too_waits_and_nothing_more_is_written() -> None:
    shared = replace(CAPTURED, revision=4, shop_orders=("main/1", "main/1203"), refunded_minor=7304)
    made = world(ORDER, CAPTURED, LINKED, shared)
    assert made.state.waits is not None
    assert made.state.waits.reason is OrderWaitReason.PAYMENT_SHARED
    assert statuses(made) == ["processing"]


def line(net_minor: int, quantity: str, currency: str = "USD") -> OrderLine:
    return replace(ORDER.lines[0], net_minor=net_minor, quantity=quantity, currency=currency)


@pytest.mark.parametrize(
    ("net", "quantity", "currency", "price"),
    [(1000, "3", "USD", "3.333"), (1, "7", "USD", "0.001"), (1000, "3", "JPY", "333.3"), (-500, "1", "EUR", "-5.00"),
     (999_999_99, "9973", "USD", "100.27073"), (125, "0.5", "KWD", "0.250")],
)  # fmt: skip
def test_a_price_has_the_digits_that_its_line_needs(net: int, quantity: str, currency: str, price: str) -> None:
    rows = rows_of(replace(example("OrderPlaced"), lines=(line(net, quantity, currency),)), POLICY)
    assert isinstance(rows, tuple)
    assert rows[0].values["price"] == price


def shipped(number: str, quantity: int = 3) -> OrderDeliveryObserved:
    """A delivery note with so many pumps of the order."""
    lines = (DeliveredLine(line_id=ORDER.lines[0].line_id, quantity=str(quantity)),)
    note: OrderDeliveryObserved = example("OrderDeliveryObserved")
    return replace(note, delivery_number=number, delivered_lines=lines)


REFUND: ShopRefundObserved = example("ShopRefundObserved")
REFUNDED = replace(CAPTURED, revision=9, refunded_minor=7304)


def held(made: World) -> list[str]:
    """The quantities of the sales order as abas was asked to hold it last."""
    return [row.values["quantity"] for row in of(made, SaveRecord)[-1].rows]


def test_the_shop_gets_completed_once_abas_has_shipped_everything() -> None:
    made = world(ORDER, CAPTURED, LINKED, shipped("LS-1", 1), shipped("LS-1", 1))
    assert statuses(made) == ["processing"]
    made.take(shipped("LS-2", 2))
    made.end()
    assert statuses(made) == ["processing", "completed"]
    assert held(made) == ["3", "1"]
    assert len(of(made, SaveRecord)) == 1


@pytest.mark.parametrize(
    ("gone", "left"), [((), ["0", "0"]), ((shipped("LS-1", 1),), ["1", "0"]), ((shipped("LS-1"),), ["3", "0"])]
)
def test_what_is_refunded_in_whole_is_cancelled_in_abas_but_for_what_was_shipped(
    gone: Sequence[OrderDeliveryObserved], left: list[str]
) -> None:
    made = world(ORDER, CAPTURED, LINKED, *gone, REFUNDED)
    assert held(made) == left
    assert statuses(made)[-1] == "refunded"


def test_what_is_refunded_before_it_was_ordered_is_never_ordered_and_its_money_goes_to_the_customer() -> None:
    made = world(ORDER, REFUNDED, LINKED)
    assert not of(made, SaveRecord)
    assert [one.order_number for one in of(made, OrderMoneyNamed)] == [None]


def test_a_voided_authorization_cancels_the_sales_order() -> None:
    policy = replace(POLICY, sales_orders="authorized")
    made = World(policy=policy)
    for record in (ORDER, LINKED, payment(Status.AUTHORIZED), payment(Status.VOIDED, 2)):
        made.take(record)
        made.end()
    assert held(made) == ["0", "0"]
    assert statuses(made) == ["on-hold", "cancelled"]


def test_a_line_that_paytrace_refunded_is_not_shipped_any_more_and_the_rest_completes_the_order() -> None:
    made = world(ORDER, CAPTURED, LINKED, REFUND)
    assert held(made) == ["3", "1"]  # the shop's refund is a claim until PayTrace shows it
    made.take(replace(CAPTURED, revision=9, refunded_minor=2164))
    made.end()
    assert held(made) == ["2", "1"]
    made.take(shipped("LS-1", 2))
    assert statuses(made)[-1] == "completed"


def shown_refunds(made: World) -> list[tuple[str, int | None, int | None]]:
    asked = [one for one in of(made, WriteToShop) if one.kind is ShopWriteKind.REFUND]
    return [(one.command_id, one.amount_minor, one.up_to_minor) for one in asked]


def test_a_refund_of_paytrace_that_no_refund_of_the_shop_stands_for_is_shown_there_once() -> None:
    part = replace(CAPTURED, revision=9, refunded_minor=500)
    made = world(ORDER, CAPTURED, LINKED, part, part)
    assert shown_refunds(made) == [("main/1203:refund:500:0", 500, 500)]
    made = world(ORDER, CAPTURED, LINKED, replace(REFUND, amount_minor=500), part)
    assert shown_refunds(made) == []
    # The shop made it before it asked its gateway, which refused: it is gone, and PayTrace's is another one.
    gone: ShopRefundGoneObserved = example("ShopRefundGoneObserved")
    made.take(replace(gone, shop_refund_id=REFUND.shop_refund_id))
    assert shown_refunds(made) == [("main/1203:refund:500:1", 500, 500)]


def test_all_of_it_given_back_is_a_status_by_which_the_shop_writes_the_refund_itself() -> None:
    assert shown_refunds(world(ORDER, CAPTURED, LINKED, REFUNDED)) == []
    policy = replace(POLICY, statuses={**POLICY.statuses, "refunded": "cancelled"})
    made = World(policy=policy)
    for record in (ORDER, CAPTURED, LINKED, REFUNDED):
        made.take(record)
    assert [amount for _, amount, _ in shown_refunds(made)] == [7304]


def test_who_was_refunded_and_pays_again_is_ordered_again() -> None:
    made = world(ORDER, CAPTURED, LINKED, REFUNDED, replace(ORDER, transactions=TWO))
    made.take(payment(Status.CAPTURED, of=OTHER))
    made.end()
    assert held(made) == ["3", "1"]
    assert made.state.waits is None


# -- any order, any repetition -----------------------------------------------------------------------------------------

PROCESSING = replace(ORDER, status=OrderStatus.PROCESSING, raw_status="processing")
BY_PAYMENT = replace(LINKED, source=OrderCustomerSource.PAYMENT)


# Facts of one story; those of the shop come in their order, as its source sees them, all others as they like.
STORIES: dict[str, tuple[Sequence[OrderObserved], Sequence[OrdersInbox]]] = {
    "sale": ([ORDER, PROCESSING], [CAPTURED, LINKED, BY_PAYMENT]),
    "authorized, captured": ([ORDER], [payment(Status.AUTHORIZED), payment(Status.CAPTURED, 2), LINKED]),
    "declined, other card": (
        [ORDER, replace(ORDER, transactions=TWO)],
        [
            payment(Status.DECLINED),
            payment(Status.AUTHORIZED, of=OTHER),
            payment(Status.CAPTURED, 2, OTHER),
            BY_PAYMENT,
        ],
    ),
    "refunded": ([ORDER, PROCESSING], [CAPTURED, REFUNDED, LINKED]),
    "shipped in parts": ([ORDER, PROCESSING], [CAPTURED, LINKED, shipped("LS-1", 1), shipped("LS-2", 2)]),
    "shipped before it was refunded": (
        [ORDER, PROCESSING],
        [REFUNDED, LINKED, shipped("LS-1", 1)],
    ),
    "refunded in part before it was shipped": (
        [ORDER, PROCESSING],
        [replace(CAPTURED, revision=9, refunded_minor=2164), LINKED, REFUND, shipped("LS-1", 2)],
    ),
    "voided": ([ORDER], [payment(Status.AUTHORIZED), payment(Status.VOIDED, 2), LINKED]),
    "line changed": ([ORDER, replace(ORDER, lines=ORDER.lines[:1])], [CAPTURED, LINKED]),
    "wrong amount": ([ORDER], [replace(CAPTURED, captured_minor=1), LINKED]),
}


def shuffled(
    chance: random.Random, shown: Sequence[OrdersInbox], others: Sequence[OrdersInbox]
) -> Iterable[OrdersInbox]:
    """The facts in another order, some of them twice; those of the shop among themselves as they were."""
    rest = [*others, *chance.sample(list(others), chance.randrange(len(others) + 1))]
    chance.shuffle(rest)
    in_order = list(shown)
    while in_order or rest:
        from_shop = in_order and (not rest or chance.random() < 0.5)
        record = in_order.pop(0) if from_shop else rest.pop()
        yield from [record] * chance.choice([1, 1, 2])


@pytest.mark.parametrize("story", STORIES)
def test_any_order_and_repetition_of_the_facts_ends_in_the_same(story: str) -> None:
    shown, others = STORIES[story]
    expected = world(*shown, *others).outcome
    for seed in range(60):
        chance = random.Random(f"{story} {seed}")
        made = World()
        for record in shuffled(chance, shown, others):
            made.take(record)
            while made.due and chance.random() < 0.5:
                made.take(made.due.pop(0))
        made.end()
        assert made.outcome == expected, f"seed {seed}"
        names = [one.command_id for one in of(made, WriteToShop)]
        assert len(names) == len(set(names))
