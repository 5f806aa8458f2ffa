"""What an order asks of PayTrace: to capture what abas ships, and to give back what the shop took back. Pure.

Each goes the way of the requests of people at abas, with their limits and second persons, under an id that follows from
what it is for, so it is asked once. After a refusal a person has it tried again, under another id.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from schemas.records.gateway import PaymentRequestKind, PaymentRequestObserved, PaymentRequestStatus
from schemas.records.orders import OrderPaymentReported, OrderPaymentRequested, OrderPaymentStatus, OrderWaitReason
from schemas.values.references import shop_request_id
from schemas.values.replacing import replace
from streams.domain.orders.policy import Policy
from streams.domain.orders.progress import ENDED, Money, Order, capture_due, lapsed
from streams.domain.orders.state import State


def observed(event: OrderPaymentRequested) -> PaymentRequestObserved:
    """Return the request as the gateway's side takes it: of the shop, as if somebody there had written it in abas."""
    return PaymentRequestObserved(
        payment_request_id=event.payment_request_id,
        payment_request_number=event.shop_order,
        kind=event.kind,
        raw_kind=event.kind.value,
        status=PaymentRequestStatus.OPEN,
        raw_status=PaymentRequestStatus.OPEN.value,
        abas_customer_id=event.abas_customer_id,
        amount_minor=event.amount_minor,
        currency=event.currency,
        paytrace_transaction_id=event.paytrace_transaction_id,
        allocated_invoices=(),
        allocated_amounts=(),
        requester=f"shop:{event.shop_order.partition('/')[0]}",
        reason=event.reason,
        observed_at=event.occurred_at,
        raw="{}",
    )


def due(
    state: State, order: Order, customer: str, money: Money, policy: Policy, at: datetime
) -> Iterator[OrderPaymentRequested]:
    """Return what PayTrace is to be asked for now and was not."""
    for request in (
        *_captures(state, order, customer, money, policy, at),
        *_voids(state, order, customer, money, policy, at),
        *_refunds(state, order, customer, money, policy, at),
    ):
        if request.payment_request_id not in state.requests:
            yield request


def _captures(
    state: State, order: Order, customer: str, money: Money, policy: Policy, at: datetime
) -> Iterator[OrderPaymentRequested]:
    """Capture the order's total of the one transaction that is authorized for it, once abas ships."""
    shipped_at = capture_due(state, money, policy)
    if shipped_at is None or len(money.best) != 1:
        return
    payment = money.best[0]
    is_taken = OrderWaitReason.AUTHORIZATION_LAPSED in state.taken
    if not is_taken and lapsed(payment, shipped_at, timedelta(days=policy.lapses_after_days)):
        return
    amount = min(order.total_minor or 0, payment.authorized_minor)
    notes = ", ".join(sorted(state.deliveries))
    yield _request(state, order, customer, PaymentRequestKind.CAPTURE, payment, amount, f"abas shipped {notes}", at)


def _voids(
    state: State, order: Order, customer: str, money: Money, policy: Policy, at: datetime
) -> Iterator[OrderPaymentRequested]:
    is_cancelled = state.is_gone or order.status in ENDED
    if policy.takes_back == "request" and is_cancelled and money.status is OrderPaymentStatus.AUTHORIZED:
        for payment in money.best:
            amount = payment.authorized_minor
            yield _request(
                state, order, customer, PaymentRequestKind.VOID, payment, amount, "cancelled in the shop", at
            )


def _refunds(
    state: State, order: Order, customer: str, money: Money, policy: Policy, at: datetime
) -> Iterator[OrderPaymentRequested]:
    """Ask for the refunds that the shop made without its gateway, up to what PayTrace lacks of all that it shows.

    Ensures: what was asked for before counts as given back, so that PayTrace gives back no more than the shop shows.
    """
    if policy.takes_back != "request" or len(money.best) != 1 or money.status is not OrderPaymentStatus.CAPTURED:
        return
    payment = money.best[0]
    base = max(money.refunded_minor, *(one.up_to_minor or 0 for one in state.requests.values()), 0)
    lacks = sum(one.amount_minor or 0 for one in state.refunds.values()) - base
    # The newest first: what PayTrace gave back before is what the older ones stand for.
    for refund_id, refund in sorted(state.refunds.items(), key=lambda one: (len(one[0]), one[0]), reverse=True):
        is_asked = _name(state, order, PaymentRequestKind.REFUND, refund_id) in state.requests
        is_claim = not (is_asked or refund.is_sent_by_shop or refund.write_reference or refund.reviews)
        amount = min(refund.amount_minor or 0, lacks)
        if is_claim and amount > 0:
            base, lacks = base + amount, lacks - amount
            reason = f"refund {refund_id} of the shop: {refund.note}"
            kind = PaymentRequestKind.REFUND
            asked = _request(state, order, customer, kind, payment, amount, reason, at, refund_id)
            yield replace(asked, up_to_minor=base)


def _request(
    state: State,
    order: Order,
    customer: str,
    kind: PaymentRequestKind,
    payment: OrderPaymentReported,
    amount_minor: int,
    reason: str,
    at: datetime,
    of: str = "",
) -> OrderPaymentRequested:
    return OrderPaymentRequested(
        shop_order=order.shop_order,
        payment_request_id=_name(state, order, kind, of or payment.paytrace_transaction_id),
        kind=kind,
        paytrace_transaction_id=payment.paytrace_transaction_id,
        abas_customer_id=customer,
        amount_minor=amount_minor,
        currency=order.currency or "",
        reason=f"order {order.shop_order}: {reason}",
        occurred_at=at,
    )


def _name(state: State, order: Order, kind: PaymentRequestKind, of: str) -> str:
    """Return the id of a request: what a person has tried again is another one."""
    tried = f":{state.tried}" if state.tried else ""
    return shop_request_id(order.shop_order, f"{kind.value.lower()}:{of}{tried}")
