"""What an order of a shop hears of its payment: how far PayTrace proves it, whole, at each change. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from schemas.records.orders import OrderPaymentAsked, OrderPaymentReported, OrderPaymentStatus
from schemas.records.payments import (
    AchPaymentFailed,
    AchPaymentInitiated,
    AchPaymentReturned,
    CaptureAmountChanged,
    CaptureRecorded,
    CaptureReversed,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentSettled,
    PaymentVoided,
    RefundApplied,
)

News: TypeAlias = (
    OrderPaymentAsked
    | PaymentAuthorized
    | AchPaymentInitiated
    | PaymentCaptured
    | CaptureAmountChanged
    | CaptureRecorded
    | PaymentSettled
    | PaymentVoided
    | PaymentDeclined
    | AchPaymentFailed
    | AchPaymentReturned
    | CaptureReversed
    | RefundApplied
)

# Where a transaction stands, by its stage; a refund is no payment of an order, whatever names it.
STATUS_OF = {
    "AUTHORIZED": OrderPaymentStatus.AUTHORIZED,
    "ACH_PENDING": OrderPaymentStatus.PENDING,
    "CAPTURED": OrderPaymentStatus.CAPTURED,
    "CLEARED": OrderPaymentStatus.CAPTURED,
    "SETTLED": OrderPaymentStatus.CAPTURED,
    "PARTIALLY_REFUNDED": OrderPaymentStatus.CAPTURED,
    "REFUNDED": OrderPaymentStatus.CAPTURED,
    "PARTIALLY_CHARGED_BACK": OrderPaymentStatus.CAPTURED,
    "CHARGED_BACK": OrderPaymentStatus.CAPTURED,
    "VOIDED": OrderPaymentStatus.VOIDED,
    "RETURNED": OrderPaymentStatus.RETURNED,
    "DECLINED": OrderPaymentStatus.DECLINED,
    "FAILED": OrderPaymentStatus.FAILED,
}


def why(event: News) -> str:
    """Return in PayTrace's words why a payment ended without money; empty for other news."""
    match event:
        case PaymentDeclined():
            return event.approval_message
        case AchPaymentFailed():
            return event.raw_status
        case AchPaymentReturned():
            return event.return_code or "returned by the bank"
        case PaymentVoided():
            return event.reason.value.lower().replace("_", " ")
        case _:
            return ""


def reports(
    event: News,
    orders: Collection[str],
    revision: int,
    stage: str,
    amounts: tuple[int, int, int],
    currency: str,
    say: str,
    *,
    awaits_risk: bool,
) -> tuple[OrderPaymentReported, ...]:
    """Return what each order hears.

    Shapes: amounts are what was authorized, captured and refunded, in minor units of currency.
    """
    status = STATUS_OF.get(stage, OrderPaymentStatus.UNKNOWN)
    authorized, captured, refunded = amounts
    is_captured = status is OrderPaymentStatus.CAPTURED
    return tuple(
        OrderPaymentReported(
            shop_order=order,
            paytrace_transaction_id=event.paytrace_transaction_id,
            revision=revision,
            status=status,
            authorized_minor=authorized,
            captured_minor=captured if is_captured else 0,
            refunded_minor=refunded if is_captured else 0,
            currency=currency or None,
            detail=say,
            shop_orders=tuple(sorted(orders)),
            awaits_risk=awaits_risk,
            occurred_at=event.occurred_at,
        )
        for order in sorted(orders)
    )
