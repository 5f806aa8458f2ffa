"""What the facts of an order come to: its money, its customer, what it waits for. Pure functions of the state.

Nothing here looks at the order in which facts came, so every order of them comes to the same. Money is what PayTrace
proves of the transactions that the shop names; what the shop says of money is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.records.gateway import PaymentRequestKind
from schemas.records.orders import (
    OrderChanged,
    OrderCustomerSource,
    OrderPaymentReported,
    OrderPaymentRequested,
    OrderPaymentStatus,
    OrderPlaced,
    OrderStatus,
    OrderWaitReason,
)
from schemas.values.money import shown
from streams.domain.orders.policy import Milestone, Policy
from streams.domain.orders.sales_order import Unmapped, rows_of
from streams.domain.orders.shipping import delivered, is_shipped, returned
from streams.domain.orders.state import REFUSED, State

Order = OrderPlaced | OrderChanged
# The first that any transaction of the order has says where its money is.
_FURTHEST = (
    OrderPaymentStatus.CAPTURED,
    OrderPaymentStatus.AUTHORIZED,
    OrderPaymentStatus.PENDING,
    OrderPaymentStatus.RETURNED,
    OrderPaymentStatus.VOIDED,
    OrderPaymentStatus.DECLINED,
    OrderPaymentStatus.FAILED,
)
_MILESTONES: dict[OrderPaymentStatus, Milestone] = {
    OrderPaymentStatus.AUTHORIZED: "authorized",
    OrderPaymentStatus.CAPTURED: "captured",
    OrderPaymentStatus.RETURNED: "returned",
    OrderPaymentStatus.VOIDED: "voided",
    OrderPaymentStatus.DECLINED: "declined",
    OrderPaymentStatus.FAILED: "declined",
}
_WITHOUT_MONEY = (
    OrderPaymentStatus.RETURNED,
    OrderPaymentStatus.VOIDED,
    OrderPaymentStatus.DECLINED,
    OrderPaymentStatus.FAILED,
)
_MOVES = (OrderPaymentStatus.CAPTURED, OrderPaymentStatus.AUTHORIZED, OrderPaymentStatus.PENDING)
ENDED = (OrderStatus.CANCELLED, OrderStatus.TRASHED)
# A buyer may still be at the checkout.
_UNFINISHED = (OrderStatus.PENDING, OrderStatus.FAILED, *ENDED)


@dataclass(frozen=True, slots=True)
class Wait:
    """Why an order does not go on, and the remedy."""

    reason: OrderWaitReason
    detail: str


@dataclass(frozen=True, slots=True)
class Money:
    """Where the money of an order is. Units: minor units of the order's currency.

    Shapes: best are the transactions that say so, in order of their ids; shared are those that other orders name too.
    """

    status: OrderPaymentStatus
    best: tuple[OrderPaymentReported, ...]
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    shared: tuple[OrderPaymentReported, ...]
    foreign: tuple[OrderPaymentReported, ...]

    @property
    def is_given_back(self) -> bool:
        """Whether all of it was refunded."""
        return 0 < self.captured_minor <= self.refunded_minor


def money_of(state: State) -> Money:
    """Return where the money of an order is, by all transactions that it names now and PayTrace shows."""
    order = state.order
    named = {one.paytrace_transaction_id for one in order.transactions} if order is not None else set()
    known = [state.payments[one] for one in sorted(named & state.payments.keys())]
    currency = order.currency if order is not None else None
    foreign = tuple(one for one in known if one.currency not in (None, currency))
    shared = tuple(one for one in known if len(one.shop_orders) > 1)
    own = [one for one in known if one not in foreign and (one not in shared or _SHARED in state.taken)]
    status = next((one for one in _FURTHEST if any(p.status is one for p in own)), OrderPaymentStatus.UNKNOWN)
    best = tuple(one for one in own if one.status is status)
    # A buyer who was refunded may pay again: then the first payment is over, and the second is the order's money.
    best = tuple(one for one in best if one.refunded_minor < one.captured_minor) or best
    return Money(
        status=status,
        best=best,
        authorized_minor=sum(one.authorized_minor for one in best if status is OrderPaymentStatus.AUTHORIZED),
        captured_minor=sum(one.captured_minor for one in best),
        refunded_minor=sum(one.refunded_minor for one in best),
        shared=shared,
        foreign=foreign,
    )


_SHARED = OrderWaitReason.PAYMENT_SHARED


def milestone_of(state: State, money: Money) -> Milestone | None:
    """Return what is proved of money and goods, in words of the policy; None where the shop must hear nothing."""
    if money.is_given_back:
        return "refunded"
    milestone = _MILESTONES.get(money.status)
    return "completed" if milestone == "captured" and is_all_shipped(state, money) else milestone


def capture_due(state: State, money: Money, policy: Policy) -> datetime | None:
    """Return when abas shipped what a capture waits for; None where none is due."""
    if policy.captures == "by_shop" or money.status is not OrderPaymentStatus.AUTHORIZED or not state.deliveries:
        return None
    shipped_at = [one.occurred_at for one in state.deliveries.values()]
    if policy.captures == "first_shipment":
        return min(shipped_at)
    return max(shipped_at) if is_all_shipped(state, money) else None


def lapsed(payment: OrderPaymentReported, shipped_at: datetime, after: timedelta) -> bool:
    """Return whether an authorization was too old to be captured when the goods left."""
    return shipped_at - payment.occurred_at > after


def is_all_shipped(state: State, money: Money) -> bool:
    """Return whether abas has shipped everything that was not refunded before."""
    order = state.order
    given_back = returned(state.refunds.values(), money.refunded_minor)
    return order is not None and is_shipped(order, delivered(state.deliveries.values()), given_back)


def is_over(state: State, money: Money) -> bool:
    """Return whether nothing more of the order is to be shipped: its money went back or never came.

    An order that the shop cancelled while its money is captured is not: somebody decides (CANCELLED_BUT_PAID).
    """
    is_cancelled = state.is_gone or (state.order is not None and state.order.status in ENDED)
    return money.is_given_back or money.status in _WITHOUT_MONEY or (is_cancelled and not money.captured_minor)


def held_of(state: State, money: Money) -> Wait | None:
    """Return that risk holds a payment of the order, or has not answered yet; None where the order may go on."""
    if money.status not in _MOVES or money.is_given_back:
        return None
    for payment in money.best:
        name, risk = payment.paytrace_transaction_id, state.risk.get(payment.paytrace_transaction_id)
        if risk is not None and risk.is_held:
            detail = (
                f"payment {name} is held: {risk.detail}; release it (saldo decide release-hold {name}), or refund it"
            )
            return Wait(OrderWaitReason.PAYMENT_HELD, detail)
        if risk is None and payment.awaits_risk:
            return Wait(OrderWaitReason.PAYMENT_UNASSESSED, f"rules of risk have not answered for payment {name} yet")
    return None


def customer_of(state: State) -> str | None:
    """Return the customer of an order: whom a person named, else whom all other sources agree on; None if they don't.

    Once abas was asked for the sales order it stays with that customer.
    """
    if state.sales_order is not None:
        return state.sales_order.subject
    named = state.customers.get(OrderCustomerSource.PERSON.value)
    others = set(state.customers.values())
    return named or (others.pop() if len(others) == 1 else None)


def is_paid(order: Order, money: Money, policy: Policy) -> bool:
    """Say whether PayTrace proves as much as a sales order asks for."""
    total = order.total_minor
    if total is None or policy.sales_orders == "never":
        return False
    is_authorized = policy.sales_orders == "authorized" and money.authorized_minor >= total
    return money.captured_minor >= total or is_authorized


def wait_of(state: State, policy: Policy) -> Wait | None:
    """Return what keeps an order from going on; None where nothing does, or it is none of ours."""
    order = state.order
    if state.is_left_out:
        return None
    if state.reviews:
        said = "; ".join(review.detail for review in state.reviews)
        return Wait(OrderWaitReason.IN_REVIEW, f"{said}; correct the order in the shop, or leave it out")
    if order is None or not order.is_paytrace:
        return None
    money = money_of(state)
    waits = _of_payment(state, order, money) or held_of(state, money) or _of_amount(state, order, money)
    waits = waits or _of_requests(state, money, policy)
    if waits is None and (is_paid(order, money, policy) or state.sales_order is not None):
        waits = _of_customer(state) or _of_sales_order(state, order, policy)
    return None if waits is not None and waits.reason in state.taken else waits


def _of_payment(state: State, order: Order, money: Money) -> Wait | None:
    named = ", ".join(sorted(one.paytrace_transaction_id for one in order.transactions))
    is_unfinished = order.status in _UNFINISHED or state.is_gone or not order.total_minor
    if not named:
        detail = (
            f"order is {order.raw_status} and names no PayTrace transaction; enter its id in the shop, or leave it out"
        )
        return None if is_unfinished else Wait(OrderWaitReason.PAYMENT_NOT_NAMED, detail)
    if money.shared and _SHARED not in state.taken:
        others = sorted({one for payment in money.shared for one in payment.shop_orders} - {order.shop_order})
        of = ", ".join(one.paytrace_transaction_id for one in money.shared)
        return Wait(
            _SHARED, f"payment {of} is named by order {', '.join(others)} as well; correct it in the shop, or take it"
        )
    if money.foreign:
        one = money.foreign[0]
        detail = f"payment {one.paytrace_transaction_id} is in {one.currency}, the order in {order.currency}"
        return Wait(OrderWaitReason.CURRENCY_DIFFERS, f"{detail}; correct the transaction in the shop, or leave it out")
    if money.status is OrderPaymentStatus.UNKNOWN:
        detail = f"PayTrace has not shown payment {named}; it comes with the next poll, or its id is wrong in the shop"
        return None if is_unfinished else Wait(OrderWaitReason.PAYMENT_UNKNOWN, detail)
    return None


def _of_amount(state: State, order: Order, money: Money) -> Wait | None:
    total, currency = order.total_minor or 0, order.currency or ""
    left = money.captured_minor - money.refunded_minor
    if left > 0 and (order.status in ENDED or state.is_gone):
        how = "gone from the shop" if state.is_gone else order.raw_status
        detail = f"order is {how}, and {shown(left, currency)} of it is captured; refund it in PayTrace, or take it"
        return Wait(OrderWaitReason.CANCELLED_BUT_PAID, detail)
    proved = money.captured_minor or money.authorized_minor
    if proved and proved != total:
        what = "captured" if money.captured_minor else "authorized"
        detail = f"order comes to {shown(total, currency)}, {what} is {shown(proved, currency)}"
        return Wait(OrderWaitReason.AMOUNT_DIFFERS, f"{detail}; put it right in PayTrace or the shop, or take it")
    return None


def _of_requests(state: State, money: Money, policy: Policy) -> Wait | None:
    for name, request in sorted(state.requests.items()):
        answer = state.answers.get(name)
        if answer is not None and answer.status in REFUSED and _is_wanted(request, state, money):
            detail = f"the {request.kind.lower()} was refused: {answer.message}; do it in PayTrace, or try again"
            return Wait(OrderWaitReason.REQUEST_REFUSED, detail)
    shipped_at = capture_due(state, money, policy)
    after = timedelta(days=policy.lapses_after_days)
    for payment in money.best if shipped_at is not None else ():
        if shipped_at is not None and lapsed(payment, shipped_at, after):
            since = f"{payment.occurred_at:%Y-%m-%d}, and abas shipped at {shipped_at:%Y-%m-%d}"
            detail = f"payment {payment.paytrace_transaction_id} is authorized since {since}"
            remedy = "take the money anew and enter its transaction in the shop, or take it to capture it all the same"
            return Wait(OrderWaitReason.AUTHORIZATION_LAPSED, f"{detail}; {remedy}")
    return None


def _is_wanted(request: OrderPaymentRequested, state: State, money: Money) -> bool:
    """Return whether what was asked for has not come about otherwise."""
    if request.kind is PaymentRequestKind.REFUND:
        return money.refunded_minor < sum(one.amount_minor or 0 for one in state.refunds.values())
    return money.status is OrderPaymentStatus.AUTHORIZED


def _of_customer(state: State) -> Wait | None:
    named = sorted({(customer, source.lower()) for source, customer in state.customers.items()})
    is_decided = OrderCustomerSource.PERSON.value in state.customers
    customers = {customer for customer, _ in named}
    asked = None if state.sales_order is None else state.sales_order.subject
    if not is_decided and len(customers | {asked or next(iter(customers), "")}) > 1:
        said = ", ".join(f"{customer} by the {source}" for customer, source in named)
        bears = "" if asked is None else f", its sales order is of {asked}"
        return Wait(OrderWaitReason.CUSTOMER_CONTESTED, f"the order has several customers: {said}{bears}; name one")
    if customer_of(state) is None:
        detail = "no customer of abas is known for the buyer; link the buyer, or name the customer of this order"
        return Wait(OrderWaitReason.CUSTOMER_UNKNOWN, detail)
    return None


def _of_sales_order(state: State, order: Order, policy: Policy) -> Wait | None:
    rows = rows_of(order, policy)
    if isinstance(rows, Unmapped):
        return Wait(OrderWaitReason.ITEM_UNMAPPED, rows.detail)
    if state.refused is not None:
        said = f"{state.refused.code}: {state.refused.message}"
        return Wait(
            OrderWaitReason.REFUSED_BY_ERP, f"abas refused the sales order: {said}; mend it there, then try again"
        )
    return None
