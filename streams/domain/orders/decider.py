"""Follows each order of a shop: what was agreed, what of it changed, and what can't be taken as the shop shows it.

Rules of agent `follow-orders`. The shop proves the agreement and nothing of the money: a status, a date of payment and
a refund are claims. An observation that does not add up changes nothing that was known, and waits in review until the
shop shows one that does. Observations come in the order in which the source saw them; a repeat is silent.

The key of a shop's hooks is the shop itself, so its state lives here beside the orders.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, TypeAlias, assert_never

from schemas.records.by_topic import OrdersEvents, OrdersInbox
from schemas.records.orders import (
    OrderChanged,
    OrderGone,
    OrderGoneObserved,
    OrderHinted,
    OrderInReview,
    OrderLine,
    OrderObserved,
    OrderPlaced,
    OrderReview,
    OrderReviewEnded,
    OrderReviewReason,
    ShopHooksChanged,
    ShopHooksObserved,
    ShopRefundGoneObserved,
    ShopRefundObserved,
    ShopRefundSeen,
    ShopRefundVanished,
)
from schemas.values.money import shown
from streams.domain.output import Output

Event: TypeAlias = OrdersEvents
_OCCURRED = "occurred_at"


@dataclass(frozen=True, slots=True)
class State:
    """One order, or the hooks of one shop.

    Shapes: changed is the last that could be taken after it was placed, in a field of its own, since a snapshot knows
            no union of two records; reviews say why a newer one can't be; refunds are those that the shop shows now,
            by their id.
    """

    placed: OrderPlaced | None = None
    changed: OrderChanged | None = None
    reviews: tuple[OrderReview, ...] = ()
    is_gone: bool = False
    refunds: dict[str, ShopRefundSeen] = field(default_factory=dict)
    hooks: ShopHooksChanged | None = None

    @property
    def order(self) -> OrderPlaced | OrderChanged | None:
        """Return the order as it is known now."""
        return self.changed or self.placed


INITIAL = State()


def decide(state: State, record: OrdersInbox) -> tuple[Event, ...]:
    """Return what follows from an observation; () for what was known."""
    match record:
        case OrderObserved():
            return _observed(state, record)
        case OrderGoneObserved():
            return () if state.is_gone else (OrderGone(**_named(record), occurred_at=record.observed_at),)
        case OrderHinted():
            return ()  # the source asks the shop; nothing of a hook is believed
        case ShopRefundObserved():
            return _refund(state, record)
        case ShopRefundGoneObserved():
            return _vanished(state, record)
        case ShopHooksObserved():
            return _hooks(state, record)
        case _:
            assert_never(record)


def evolve(state: State, event: OrdersEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case OrderPlaced():
            return replace(state, placed=event, changed=None, is_gone=False)
        case OrderChanged():
            return replace(state, changed=event, is_gone=False)
        case OrderInReview():
            return replace(state, reviews=event.reviews)
        case OrderReviewEnded():
            return replace(state, reviews=())
        case OrderGone():
            return replace(state, is_gone=True)
        case ShopRefundSeen():
            return replace(state, refunds={**state.refunds, event.shop_refund_id: event})
        case ShopRefundVanished():
            left = {one: refund for one, refund in state.refunds.items() if one != event.shop_refund_id}
            return replace(state, refunds=left)
        case ShopHooksChanged():
            return replace(state, hooks=event)
        case _:
            assert_never(event)


def route(_state: State, _event: OrdersEvents) -> tuple[Output, ...]:
    """Return no records for others: what is done about an order is decided by nobody yet."""
    return ()


def _observed(state: State, seen: OrderObserved) -> tuple[Event, ...]:
    reviews = (*seen.reviews, *_other_order(state, seen))
    if reviews:
        if reviews == state.reviews:
            return ()
        return (OrderInReview(**_named(seen), reviews=reviews, occurred_at=seen.observed_at),)
    ended = (OrderReviewEnded(**_named(seen), occurred_at=seen.observed_at),) if state.reviews else ()
    body = _body(OrderPlaced, seen)
    if state.order is None:
        return (*ended, OrderPlaced(**body, occurred_at=seen.observed_at))
    body["lines"] = _with_first_categories(state.order.lines, seen.lines)
    known = _body(OrderPlaced, state.order)
    changes = tuple(sorted(name for name, value in body.items() if known[name] != value))
    if state.is_gone:
        changes = (*changes, "is_gone")
    if not changes:
        return ended
    return (*ended, OrderChanged(**body, changes=changes, occurred_at=seen.observed_at))


def _other_order(state: State, seen: OrderObserved) -> tuple[OrderReview, ...]:
    """Return that this number is another order now, as after a database that was restored."""
    if state.order is None or state.order.identity_digest == seen.identity_digest:
        return ()
    number = f"order {seen.order_id} was {state.order.order_number}, made at {_day(state.order.created_at)}"
    detail = f"{number}, and is {seen.order_number}, made at {_day(seen.created_at)}, now"
    return (OrderReview(reason=OrderReviewReason.NUMBER_REUSED, detail=detail),)


def _with_first_categories(known: tuple[OrderLine, ...], seen: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    """Return the lines with the categories in which they were first seen: a product moves, what was sold does not."""
    first = {line.line_id: line.category_ids for line in known if line.category_ids}
    return tuple(replace(line, category_ids=first.get(line.line_id, line.category_ids)) for line in seen)


def _refund(state: State, seen: ShopRefundObserved) -> tuple[Event, ...]:
    reviews = (*seen.reviews, *_more_than_paid(state, seen))
    event = ShopRefundSeen(
        **{name: value for name, value in _body(ShopRefundSeen, seen).items() if name != "reviews"},
        reviews=reviews,
        occurred_at=seen.observed_at,
    )
    known = state.refunds.get(seen.shop_refund_id)
    return () if known is not None and replace(known, occurred_at=seen.observed_at) == event else (event,)


def _more_than_paid(state: State, seen: ShopRefundObserved) -> tuple[OrderReview, ...]:
    """Return that the refunds of an order come to more than the order."""
    total = state.order.total_minor if state.order is not None else None
    others = [one.amount_minor for key, one in state.refunds.items() if key != seen.shop_refund_id]
    if total is None or seen.amount_minor is None or seen.currency is None:
        return ()
    given = seen.amount_minor + sum(amount for amount in others if amount is not None)
    if given <= total:
        return ()
    detail = f"refunds come to {shown(given, seen.currency)}, the order to {shown(total, seen.currency)}"
    return (OrderReview(reason=OrderReviewReason.SUM_DIFFERS, detail=detail),)


def _vanished(state: State, seen: ShopRefundGoneObserved) -> tuple[Event, ...]:
    known = state.refunds.get(seen.shop_refund_id)
    if known is None:
        return ()
    vanished = ShopRefundVanished(
        **_named(seen),
        shop_refund_id=seen.shop_refund_id,
        amount_minor=known.amount_minor,
        currency=known.currency,
        occurred_at=seen.observed_at,
    )
    return (vanished,)


def _hooks(state: State, seen: ShopHooksObserved) -> tuple[Event, ...]:
    known = state.hooks
    if known is not None and (known.status, known.detail) == (seen.status, seen.detail):
        return ()
    changed = ShopHooksChanged(shop=seen.shop, status=seen.status, detail=seen.detail, occurred_at=seen.observed_at)
    return (changed,)


def _named(record: Any) -> dict[str, str]:
    return {"shop_order": record.shop_order, "shop": record.shop, "order_id": record.order_id}


def _body(kind: type[OrderPlaced] | type[ShopRefundSeen], record: Any) -> dict[str, Any]:
    """Return the fields that an event has in common with what it is made of."""
    return {one.name: getattr(record, one.name) for one in fields(kind) if one.name != _OCCURRED}


def _day(instant: datetime | None) -> str:
    return "an unknown time" if instant is None else f"{instant:%Y-%m-%d %H:%M:%S}"
