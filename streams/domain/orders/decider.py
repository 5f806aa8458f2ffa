"""What becomes of each order of a shop: what was agreed, what PayTrace proves of it, and what abas and the shop get.

Rules of agent `fulfil-orders` (docs/adr/0109). The shop proves the agreement and nothing of the money: a status, a date
of payment and a refund are claims. An observation that does not add up changes nothing that was known, and waits in
review until the shop shows one that does. Observations of a shop come in the order in which its source saw them; all
other facts in any order and any number. What follows from them is in fulfilment.py.

The key of a shop's hooks is the shop itself, so its state lives here beside the orders.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from functools import reduce
from typing import Any, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.records.by_topic import OrdersInbox
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from schemas.records.orders import (
    DecideOrder,
    DecideOrderAgain,
    OrderChanged,
    OrderCustomerAsked,
    OrderCustomerFound,
    OrderDecided,
    OrderDecision,
    OrderDecisionRefused,
    OrderDelivered,
    OrderDeliveryObserved,
    OrderGone,
    OrderGoneObserved,
    OrderHinted,
    OrderInReview,
    OrderLine,
    OrderMoneyNamed,
    OrderMoneyReported,
    OrderObserved,
    OrderPayerNamed,
    OrderPaymentAsked,
    OrderPaymentReported,
    OrderPaymentRequested,
    OrderPlaced,
    OrderRequestAnswered,
    OrderReview,
    OrderReviewEnded,
    OrderReviewReason,
    OrderWaitReason,
    ShopHooksChanged,
    ShopHooksObserved,
    ShopRefundGoneObserved,
    ShopRefundObserved,
    ShopRefundSeen,
    ShopRefundVanished,
    ShopWriteRefused,
    ShopWritten,
    WriteToShop,
)
from schemas.records.risk import OrderRiskReported
from schemas.topic import Topic
from schemas.values.money import shown
from schemas.values.replacing import replace
from streams.domain.orders.evolving import Event, evolve
from streams.domain.orders.fulfilment import AGENT, follow
from streams.domain.orders.policy import Policy
from streams.domain.orders.progress import Wait, wait_of
from streams.domain.orders.requests import observed
from streams.domain.orders.sales_order import KIND as SALES_ORDER
from streams.domain.orders.state import ENDED, INITIAL, REFUSED, State
from streams.domain.output import Output

__all__ = ["AGENT", "INITIAL", "Event", "State", "decide", "evolve", "reminder", "route"]

_OCCURRED = "occurred_at"


def decide(state: State, record: OrdersInbox, policy: Policy) -> tuple[Event, ...]:
    """Return what this record changes, and everything that follows from it.

    Ensures: what was here before yields ().
    """
    events = _on(state, record, policy)
    if not events and not isinstance(record, DecideOrderAgain):
        return ()
    known = reduce(evolve, events, state)
    return (*events, *follow(known, policy, _at(record)))


def reminder(state: State, at: datetime) -> DecideOrderAgain | None:
    """Return what has an order decided again that waits for a product of the rules."""
    waits = state.waits
    if waits is None or waits.reason is not OrderWaitReason.ITEM_UNMAPPED:
        return None
    return DecideOrderAgain(shop_order=waits.shop_order, occurred_at=at)


def route(_state: State, event: Event) -> tuple[Output, ...]:
    """Send questions to who knows, the sales order to abas, money to the customer's account, writes to the shop."""
    match event:
        case OrderPaymentAsked():
            return (Output(Topic.PAYMENTS_OBSERVATIONS, event),)
        case OrderCustomerAsked():
            return (Output(Topic.CUSTOMERS_INBOX, event),)
        case OrderPayerNamed():
            return (Output(Topic.IDENTIFICATION_INBOX, event),)
        case SaveRecord():
            return (Output(Topic.ERP_COMMANDS, event),)
        case OrderPaymentRequested():
            return (Output(Topic.GATEWAY_INBOX, observed(event)),)
        case OrderMoneyNamed():
            return (Output(Topic.RECEIVABLES_INBOX, event),)
        case WriteToShop():
            return (Output(Topic.SHOP_COMMANDS, event),)
        case _:
            return ()


def _on(state: State, record: OrdersInbox, policy: Policy) -> tuple[Event, ...]:
    match record:
        case OrderObserved():
            return _observed(state, record)
        case OrderGoneObserved():
            return () if state.is_gone else (OrderGone(**_named(record), occurred_at=record.observed_at),)
        case OrderHinted() | DecideOrderAgain():
            return ()  # the source asks the shop; nothing of a hook is believed
        case ShopRefundObserved():
            return _refund(state, record)
        case ShopRefundGoneObserved():
            return _vanished(state, record)
        case ShopHooksObserved():
            return _hooks(state, record)
        case OrderPaymentReported():
            known = state.payments.get(record.paytrace_transaction_id)
            return (record,) if known is None or record.revision > known.revision else ()
        case OrderRiskReported():
            heard = state.risk.get(record.paytrace_transaction_id)
            return (record,) if heard is None or record.revision > heard.revision else ()
        case OrderCustomerFound():
            same = state.customers.get(record.source.value) == record.abas_customer_id
            return () if same else (record,)
        case OrderMoneyReported():
            return () if state.receipts.get(record.posting_reference) == record else (record,)
        case OrderRequestAnswered():
            return _answered(state, record)
        case OrderDeliveryObserved():
            return _delivered(state, record)
        case RecordSaved() | RecordRefused():
            known_one = state.saved if isinstance(record, RecordSaved) else state.refused
            is_ours = state.sales_order is not None and record.kind == SALES_ORDER
            return (record,) if is_ours and record != known_one else ()
        case ShopWritten() | ShopWriteRefused():
            is_asked, is_known = record.command_id in state.writes, record.command_id in state.written
            return (record,) if is_asked and not is_known and record.command_id not in state.unwritten else ()
        case DecideOrder():
            return () if record.command_id in state.command_ids else _decided(state, record, policy)
        case _:
            assert_never(record)


def _answered(state: State, answer: OrderRequestAnswered) -> tuple[Event, ...]:
    """Keep how a request stands; what is over stays over."""
    known = state.answers.get(answer.payment_request_id)
    is_news = known is None or (known.status not in ENDED and known != answer)
    return (answer,) if answer.payment_request_id in state.requests and is_news else ()


def _delivered(state: State, seen: OrderDeliveryObserved) -> tuple[Event, ...]:
    known = state.deliveries.get(seen.delivery_number)
    if known is not None and known.delivered_lines == seen.delivered_lines:
        return ()
    return (
        OrderDelivered(
            shop_order=seen.shop_order,
            delivery_number=seen.delivery_number,
            delivered_lines=seen.delivered_lines,
            occurred_at=seen.observed_at,
        ),
    )


def _at(record: OrdersInbox) -> datetime:
    at: datetime = getattr(record, "observed_at", None) or getattr(record, _OCCURRED)
    return at


def _decided(state: State, command: DecideOrder, policy: Policy) -> tuple[Event, ...]:
    """Take a person's decision, where the order waits for what it decides."""
    waits = wait_of(state, policy)
    refused = why_not_attributed(command.decided_by, command.reason) or _against(state, waits, command)
    about = {name: getattr(command, name) for name in _OF_A_DECISION}
    if refused:
        return (OrderDecisionRefused(**about, refused_because=refused),)
    reason = waits.reason if waits is not None else OrderWaitReason.UNKNOWN
    return (OrderDecided(**about, abas_customer_id=command.abas_customer_id, waited_for=reason),)


_OF_A_DECISION = (
    "command_id",
    "shop_order",
    "decision",
    "decided_by",
    "authenticated_by",
    "reason",
    "approved_by",
    "occurred_at",
)
_MAY_BE_TAKEN = (
    OrderWaitReason.AMOUNT_DIFFERS,
    OrderWaitReason.PAYMENT_SHARED,
    OrderWaitReason.CANCELLED_BUT_PAID,
    OrderWaitReason.PAYMENT_NOT_NAMED,
    OrderWaitReason.AUTHORIZATION_LAPSED,
)


def _against(state: State, waits: Wait | None, command: DecideOrder) -> str:
    """Return what stands against a decision; empty if nothing does."""
    name = command.shop_order
    if state.order is None and not state.reviews:
        return f"no order {name} is known"
    if state.is_left_out:
        return f"order {name} was left out"
    match command.decision:
        case OrderDecision.ASSIGN_CUSTOMER:
            if not (command.abas_customer_id or "").strip():
                return "no customer is named; add the number of one of abas"
            asked = state.sales_order
            if asked is not None and asked.subject != command.abas_customer_id:
                return (
                    f"the sales order of {name} is of customer {asked.subject}; move it in abas, then leave it out here"
                )
            return ""
        case OrderDecision.TAKE:
            if waits is None or waits.reason not in _MAY_BE_TAKEN:
                said = "nothing" if waits is None else waits.reason.value.lower().replace("_", " ")
                return f"order {name} waits for {said}, which can't be taken"
            return ""
        case OrderDecision.TRY_AGAIN:
            is_refused = state.refused is not None or any(one.status in REFUSED for one in state.answers.values())
            return "" if is_refused else f"nothing of {name} was refused, by abas or by PayTrace"
        case OrderDecision.LEAVE_OUT:
            return "" if waits is not None else f"order {name} waits for nothing"
        case _:
            return "an unknown decision"


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
