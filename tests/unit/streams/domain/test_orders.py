"""Orders of a shop: what adds up is placed and changed, what does not waits, and a repeat is silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.by_topic import OrdersInbox
from schemas.records.orders import (
    OrderChanged,
    OrderGone,
    OrderGoneObserved,
    OrderInReview,
    OrderObserved,
    OrderPlaced,
    OrderReview,
    OrderReviewEnded,
    OrderReviewReason,
    OrderStatus,
    ShopHooksChanged,
    ShopHooksObserved,
    ShopHooksStatus,
    ShopRefundGoneObserved,
    ShopRefundObserved,
    ShopRefundSeen,
    ShopRefundVanished,
    ShopSeenBy,
)
from streams.domain.orders import INITIAL, Event, State, decide, evolve
from streams.domain.orders.fulfilment import follow
from tests.support.examples import example
from tests.support.policies import ORDERS as POLICY

ORDER: OrderObserved = example("OrderObserved")
REFUND: ShopRefundObserved = example("ShopRefundObserved")
GONE: ShopRefundGoneObserved = example("ShopRefundGoneObserved")
WRONG = (OrderReview(reason=OrderReviewReason.SUM_DIFFERS, detail="total is 1, its parts come to 2"),)


OF_THE_SHOP = (
    OrderPlaced,
    OrderChanged,
    OrderGone,
    OrderInReview,
    OrderReviewEnded,
    ShopRefundSeen,
    ShopRefundVanished,
    ShopHooksChanged,
)


def after(*records: OrdersInbox) -> tuple[State, list[Event]]:
    """The state after these records, and what they say of the shop; what follows from it is in test_fulfilment.py."""
    state, told = INITIAL, list[Event]()
    for record in records:
        events = decide(state, record, POLICY)
        state = reduce(evolve, events, state)
        told += [event for event in events if isinstance(event, OF_THE_SHOP)]
    return state, told


def kinds(events: Sequence[Any]) -> list[type[Any]]:
    return [type(event) for event in events]


def test_an_order_is_placed_once_by_hook_and_poll() -> None:
    later = replace(ORDER, observed_at=ORDER.observed_at + timedelta(hours=1), observed_by=ShopSeenBy.HOOK, raw="{}")
    state, told = after(example("OrderHinted"), ORDER, later, ORDER)
    assert kinds(told) == [OrderPlaced]
    assert state.order == told[0]


def test_a_change_names_what_differs_and_carries_all_of_the_order() -> None:
    changed = replace(ORDER, status=OrderStatus.COMPLETED, raw_status="completed", total_minor=9999)
    _, told = after(ORDER, changed)
    assert isinstance(told[1], OrderChanged)
    assert told[1].changes == ("raw_status", "status", "total_minor")
    assert told[1].lines == ORDER.lines


def test_an_order_that_does_not_add_up_waits_and_changes_nothing() -> None:
    wrong = replace(ORDER, reviews=WRONG, total_minor=1)
    state, told = after(ORDER, wrong, wrong)
    assert kinds(told) == [OrderPlaced, OrderInReview]
    assert state.order is not None
    assert state.order.total_minor == ORDER.total_minor
    _, told = after(ORDER, wrong, ORDER)
    assert kinds(told) == [OrderPlaced, OrderInReview, OrderReviewEnded]
    _, told = after(wrong, ORDER)
    assert kinds(told) == [OrderInReview, OrderReviewEnded, OrderPlaced]


def test_another_order_under_a_known_number_is_not_taken_for_it() -> None:
    other = replace(ORDER, identity_digest="QQQQQQQQQQQQQQQQ", order_number="W1203", total_minor=5)
    state, told = after(ORDER, other)
    assert isinstance(told[1], OrderInReview)
    assert told[1].reviews[0].reason is OrderReviewReason.NUMBER_REUSED
    assert state.order == told[0]


def test_what_was_sold_keeps_the_category_in_which_it_was_sold() -> None:
    moved = replace(ORDER, lines=tuple(replace(line, category_ids=("7",)) for line in ORDER.lines))
    _, told = after(ORDER, moved)
    pump, shipping = ORDER.lines
    assert isinstance(told[1], OrderChanged)  # the shipping line had none, so it learns one
    assert told[1].lines == (pump, replace(shipping, category_ids=("7",)))


def test_an_order_that_is_gone_and_comes_back() -> None:
    gone: OrderGoneObserved = example("OrderGoneObserved")
    _, told = after(ORDER, gone, gone, ORDER)
    assert kinds(told) == [OrderPlaced, OrderGone, OrderChanged]
    assert isinstance(told[2], OrderChanged)
    assert told[2].changes == ("is_gone",)


def test_a_refund_is_seen_once_vanishes_once_and_may_come_again() -> None:
    state, told = after(ORDER, REFUND, REFUND, GONE, GONE, REFUND)
    assert kinds(told) == [OrderPlaced, ShopRefundSeen, ShopRefundVanished, ShopRefundSeen]
    assert isinstance(told[2], ShopRefundVanished)
    assert told[2].amount_minor == REFUND.amount_minor
    assert set(state.refunds) == {REFUND.shop_refund_id}


def test_refunds_above_the_order_are_marked() -> None:
    second = replace(REFUND, shop_refund_id="1300", amount_minor=ORDER.total_minor)
    _, told = after(ORDER, REFUND, second)
    assert isinstance(told[2], ShopRefundSeen)
    assert [one.reason for one in told[2].reviews] == [OrderReviewReason.SUM_DIFFERS]
    assert "refunds come to 94.68 USD, the order to 73.04 USD" in told[2].reviews[0].detail


def test_hooks_are_told_when_they_change() -> None:
    off: ShopHooksObserved = example("ShopHooksObserved")
    on = replace(off, status=ShopHooksStatus.ACTIVE, detail="")
    _, told = after(on, on, off, off, on)
    assert [event.status for event in told if isinstance(event, ShopHooksChanged)] == [
        ShopHooksStatus.ACTIVE,
        ShopHooksStatus.DISABLED,
        ShopHooksStatus.ACTIVE,
    ]


RECORDS: st.SearchStrategy[OrdersInbox] = st.sampled_from(
    [
        ORDER,
        replace(ORDER, status=OrderStatus.CANCELLED, raw_status="cancelled"),
        replace(ORDER, reviews=WRONG),
        replace(ORDER, identity_digest="QQQQQQQQQQQQQQQQ"),
        example("OrderGoneObserved"),
        example("OrderHinted"),
        REFUND,
        replace(REFUND, shop_refund_id="1300", amount_minor=None),
        GONE,
        example("ShopHooksObserved"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(RECORDS, max_size=12), RECORDS)
def test_a_repeat_is_silent_and_any_order_of_facts_can_be_decided(
    records: list[OrdersInbox], last: OrdersInbox
) -> None:
    state, _ = after(*records, last)
    assert decide(state, last, POLICY) == ()
    assert follow(state, POLICY, ORDER.observed_at) == ()
    if state.order is not None:
        assert state.order.total_minor == ORDER.total_minor
