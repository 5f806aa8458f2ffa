"""What is done about an order, by all that is known of it: the saga, as one pure step after each fact.

What is wanted follows from the facts alone (progress.py), and what was asked before is remembered, so each thing is
asked once, whatever the order and however often its facts come. Nothing is taken back here: a status that the shop got
is followed by another one, and money that went wrong waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

from schemas.records.orders import (
    OrderCustomerAsked,
    OrderMoneyNamed,
    OrderPayerNamed,
    OrderPaymentAsked,
    OrderPaymentReported,
    OrderPaymentStatus,
    OrderWaitEnded,
    OrderWaiting,
    OrderWaitReason,
    ShopWriteKind,
    WriteToShop,
)
from schemas.values.money import shown
from schemas.values.references import payment_token
from schemas.values.replacing import replace as replace_record
from streams.domain.orders.evolving import Event, evolve
from streams.domain.orders.policy import Milestone, Policy
from streams.domain.orders.progress import (
    Money,
    Order,
    Wait,
    customer_of,
    held_of,
    is_over,
    is_paid,
    milestone_of,
    money_of,
    wait_of,
)
from streams.domain.orders.requests import due
from streams.domain.orders.sales_order import Unmapped, rows_of, sales_order
from streams.domain.orders.shipping import delivered, returned, rows_to_hold
from streams.domain.orders.state import State

AGENT = "fulfil-orders"
# From which statuses of the shop each milestone moves an order on: what people moved further stays there.
_FROM: dict[Milestone, tuple[str, ...]] = {
    "authorized": ("pending", "failed", "processing"),
    "captured": ("pending", "on-hold", "failed"),
    "declined": ("pending", "on-hold", "processing"),
    "returned": ("pending", "on-hold", "processing", "completed"),
    "voided": ("pending", "on-hold", "processing", "failed"),
    "refunded": ("pending", "on-hold", "processing", "failed", "completed", "cancelled"),
    "completed": ("pending", "on-hold", "processing", "failed"),
    "held": ("pending", "processing", "failed"),
}
_NOTED: tuple[Milestone, ...] = ("declined", "returned", "voided", "held")
# What is refunded in the shop is asked of PayTrace though the order is cancelled there.
_ASKS_ALL_THE_SAME = (OrderWaitReason.CANCELLED_BUT_PAID,)
_WAITS_FOR_CUSTOMER = (OrderWaitReason.CUSTOMER_UNKNOWN, OrderWaitReason.CUSTOMER_CONTESTED)


def follow(state: State, policy: Policy, at: datetime) -> tuple[Event, ...]:
    """Return everything that follows from what is known of an order, as of this instant.

    Ensures: asked again of the state that it leads to, it yields ().
    """
    events: tuple[Event, ...] = ()
    now = _Now(policy, at, money_of(state), wait_of(state, policy))
    for step in _STEPS:
        found = tuple(step(state, now))
        if found:
            events += found
            state = reduce(evolve, found, state)
            now = replace(now, waits=wait_of(state, policy))  # money is where it was, whatever was asked
    return events


@dataclass(frozen=True, slots=True)
class _Now:
    """What all steps look at: the rules, the instant, where the money is, and what the order waits for."""

    policy: Policy
    at: datetime
    money: Money
    waits: Wait | None


def _asked(state: State, now: _Now) -> Iterator[Event]:
    """Ask PayTrace's side what is proved of each transaction that the order names."""
    order = _ours(state)
    for one in order.transactions if order is not None else ():
        transaction = one.paytrace_transaction_id
        if transaction not in state.asked_payments and order is not None:
            yield OrderPaymentAsked(
                paytrace_transaction_id=transaction,
                shop_order=order.shop_order,
                customer=order.customer_key,
                place_digest=order.place_digest or "",
                billing_country=order.billing_country,
                shipping_country=order.shipping_country,
                occurred_at=now.at,
            )


def _customer_asked(state: State, now: _Now) -> Iterator[Event]:
    """Ask which customer of abas the buyer is."""
    order = _ours(state)
    if order is None:
        return
    asked = OrderCustomerAsked(
        data_subject=order.data_subject,
        shop_order=order.shop_order,
        person=order.person,
        email_digest=order.email_digest,
        name_digest=order.name_digest,
        place_digest=order.place_digest,
        occurred_at=state.asked_customer.occurred_at if state.asked_customer is not None else now.at,
    )
    if asked != state.asked_customer:
        yield asked


def _payer_named(state: State, now: _Now) -> Iterator[Event]:
    """Tell each payment of the order its customer, or ask for it."""
    order = _ours(state)
    if order is None or (now.waits is not None and now.waits.reason not in _WAITS_FOR_CUSTOMER):
        return
    customer = customer_of(state)
    for payment in now.money.best:
        known = state.payers.get(payment.paytrace_transaction_id)
        if known is None or (customer is not None and known.abas_customer_id != customer):
            yield OrderPayerNamed(
                payment_token=payment_token(payment.paytrace_transaction_id),
                paytrace_transaction_id=payment.paytrace_transaction_id,
                shop_order=order.shop_order,
                abas_customer_id=customer,
                occurred_at=now.at,
            )


def _sales_order_asked(state: State, now: _Now) -> Iterator[Event]:
    """Ask abas for the sales order, or for what changed of it since: by the shop, by a refund, or its end."""
    order, customer = _ours(state), customer_of(state)
    if order is None or customer is None or state.is_left_out:
        return
    policy, money = now.policy, now.money
    is_amount_taken = OrderWaitReason.AMOUNT_DIFFERS in state.taken
    is_ended = is_over(state, money)
    is_wanted = not is_ended and (is_paid(order, money, policy) or (is_amount_taken and money.captured_minor > 0))
    if now.waits is not None or not (is_wanted or state.sales_order is not None) or policy.sales_orders == "never":
        return
    rows = rows_of(order, policy)
    if isinstance(rows, Unmapped):
        return
    given_back = returned(state.refunds.values(), money.refunded_minor)
    rows = rows_to_hold(rows, delivered(state.deliveries.values()), given_back, is_over=is_ended)
    known = state.sales_order
    wanted = sales_order(order, rows, customer, known, known.occurred_at if known is not None else now.at)
    if wanted != known:
        yield sales_order(order, rows, customer, known, now.at)


def _money_named(state: State, now: _Now) -> Iterator[Event]:
    """Tell the customer's account which money is of this order, once the sales order is there or none is to be."""
    order, customer = _ours(state), customer_of(state)
    is_none_to_be = now.policy.sales_orders == "never" or (state.sales_order is None and is_over(state, now.money))
    if order is None or customer is None or not (state.saved is not None or is_none_to_be):
        return
    number = state.saved.erp_number if state.saved is not None else None
    for payment in now.money.best:
        known = state.money.get(payment.paytrace_transaction_id)
        is_news = known is None or known.order_number != number
        if is_news and payment.status is OrderPaymentStatus.CAPTURED:
            yield OrderMoneyNamed(
                abas_customer_id=customer,
                paytrace_transaction_id=payment.paytrace_transaction_id,
                shop_order=order.shop_order,
                order_number=number,
                occurred_at=now.at,
            )


def _requested(state: State, now: _Now) -> Iterator[Event]:
    """Ask PayTrace to capture what abas ships, and to give back what the shop took back, as the rules say."""
    order, customer = _ours(state), customer_of(state)
    is_free = now.waits is None or now.waits.reason in _ASKS_ALL_THE_SAME
    if order is not None and customer is not None and is_free and not state.is_left_out and not _is_in_doubt(now.money):
        yield from due(state, order, customer, now.money, now.policy, now.at)


def _written(state: State, now: _Now) -> Iterator[Event]:
    """Write into the shop how far the money is proved: the status once for each milestone, and why where it failed."""
    order = _ours(state)
    if order is None or state.is_left_out or state.is_gone:
        return
    money, held = now.money, held_of(state, now.money)
    if held is not None and held.reason is OrderWaitReason.PAYMENT_UNASSESSED:
        return
    milestone = milestone_of(state, money) if held is None else "held"
    status = now.policy.statuses.get(milestone, "") if milestone is not None else ""
    if milestone is None or not status or _is_in_doubt(money):
        return
    proof = money.best[-1]
    name = f"{order.shop_order}:{milestone}:{proof.paytrace_transaction_id}{_hold(state, proof)}"
    if name in state.writes:
        return
    text = _in_words(milestone, money, order, proof.detail if held is None else held.detail)
    yield _write(order, name, ShopWriteKind.STATUS, text, now.at, status, _FROM[milestone])
    if milestone in _NOTED:
        yield _write(order, f"{name}:note", ShopWriteKind.NOTE, text, now.at)


def _refund_shown(state: State, now: _Now) -> Iterator[Event]:
    """Show in the shop what PayTrace gave back and no refund of the shop stands for; a status shows what is left.

    The shop makes its own refund before it asks its gateway, so whoever writes looks what it shows by then. What it
    shows and takes away again is asked for anew.
    """
    order = _ours(state)
    money = now.money
    if order is None or state.is_left_out or state.is_gone or _is_in_doubt(money) or not now.policy.shows_refunds:
        return
    shown_minor = sum(one.amount_minor or 0 for one in state.refunds.values())
    left_minor = money.refunded_minor - shown_minor
    name = f"{order.shop_order}:refund:{money.refunded_minor}:{state.vanished}"
    is_shown_by_status = money.is_given_back and now.policy.statuses.get("refunded") == "refunded"
    if left_minor <= 0 or is_shown_by_status or name in state.writes:
        return
    said = f"PayTrace {', '.join(one.paytrace_transaction_id for one in money.best)} refunded"
    text = f"{said} {shown(money.refunded_minor, order.currency or '')}"
    asked = _write(order, name, ShopWriteKind.REFUND, text, now.at)
    yield replace_record(asked, amount_minor=left_minor, up_to_minor=money.refunded_minor, currency=order.currency)


def _hold(state: State, proof: OrderPaymentReported) -> str:
    """Return what a write is named by besides, so that the status comes again after a hold that ended."""
    holds = state.holds.get(proof.paytrace_transaction_id, 0)
    return f":hold{holds}" if holds else ""


def _is_in_doubt(money: Money) -> bool:
    return not money.best or bool(money.foreign)


def _in_words(milestone: Milestone, money: Money, order: Order, detail: str) -> str:
    transactions = ", ".join(one.paytrace_transaction_id for one in money.best)
    currency = order.currency or ""
    amount = {
        "authorized": f" {shown(money.authorized_minor, currency)}",
        "captured": f" {shown(money.captured_minor, currency)}",
        "refunded": f" {shown(money.refunded_minor, currency)}",
        "completed": f" {shown(money.captured_minor, currency)}; abas has shipped everything",
    }.get(milestone, "")
    because = f": {detail}" if detail and milestone in _NOTED else ""
    said = "captured" if milestone == "completed" else milestone
    return f"PayTrace {transactions} {said}{amount}{because}"


def _write(
    order: Order,
    name: str,
    kind: ShopWriteKind,
    text: str,
    at: datetime,
    status: str | None = None,
    from_statuses: tuple[str, ...] = (),
) -> WriteToShop:
    return WriteToShop(
        command_id=name,
        shop_order=order.shop_order,
        shop=order.shop,
        order_id=order.order_id,
        kind=kind,
        text=text,
        shop_status=status,
        from_statuses=from_statuses,
        decided_by=AGENT,
        authenticated_by="",
        reason=text,
        occurred_at=at,
    )


def _waiting(state: State, now: _Now) -> Iterator[Event]:
    """Report why the order does not go on, or that it does again."""
    waits, known = now.waits, state.waits
    if waits is None:
        if known is not None:
            yield OrderWaitEnded(shop_order=known.shop_order, occurred_at=now.at)
        return
    if known is None or (known.reason, known.detail) != (waits.reason, waits.detail):
        name = known.shop_order if known is not None else _name_of(state)
        if name:
            yield OrderWaiting(shop_order=name, reason=waits.reason, detail=waits.detail, occurred_at=now.at)


def _name_of(state: State) -> str:
    return state.order.shop_order if state.order is not None else state.reviewed


def _ours(state: State) -> Order | None:
    """Return the order if it is paid by PayTrace."""
    order = state.order
    return order if order is not None and order.is_paytrace else None


_STEPS = (
    *(_asked, _customer_asked, _payer_named, _sales_order_asked, _money_named),
    *(_requested, _written, _refund_shown, _waiting),
)
