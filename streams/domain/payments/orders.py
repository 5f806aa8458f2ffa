"""What an order of a shop hears of its payment: how far PayTrace proves it, whole, at each change. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from schemas.records.by_topic import PaymentsEvents
from schemas.records.orders import OrderPaymentAsked, OrderPaymentReported, OrderPaymentStatus
from schemas.records.payments import (
    AchPaymentFailed,
    AchPaymentInitiated,
    AchPaymentReturned,
    AuthorizationRecorded,
    CaptureAmountChanged,
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
    | AuthorizationRecorded
    | AchPaymentInitiated
    | PaymentCaptured
    | CaptureAmountChanged
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


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a transaction is proved, as all orders that name it hear it. Units: minor units of currency."""

    orders: frozenset[str]
    status: OrderPaymentStatus
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    currency: str
    detail: str
    awaits_risk: bool


def proof_of(
    orders: Collection[str], stage: str, amounts: tuple[int, int, int], currency: str, detail: str, *, awaits_risk: bool
) -> Proof:
    """Return how far a transaction in this stage is proved.

    Shapes: amounts are what was authorized, captured and refunded, in minor units of currency.
    """
    status = STATUS_OF.get(stage, OrderPaymentStatus.UNKNOWN)
    authorized, *moved = amounts
    captured, refunded = moved if status is OrderPaymentStatus.CAPTURED else (0, 0)
    return Proof(frozenset(orders), status, authorized, captured, refunded, currency, detail, awaits_risk)


def reports(event: PaymentsEvents, proof: Proof, revision: int) -> tuple[OrderPaymentReported, ...]:
    """Return what each order hears."""
    return tuple(
        OrderPaymentReported(
            shop_order=order,
            paytrace_transaction_id=event.paytrace_transaction_id,
            revision=revision,
            status=proof.status,
            authorized_minor=proof.authorized_minor,
            captured_minor=proof.captured_minor,
            refunded_minor=proof.refunded_minor,
            currency=proof.currency or None,
            detail=proof.detail,
            shop_orders=tuple(sorted(proof.orders)),
            awaits_risk=proof.awaits_risk,
            occurred_at=event.occurred_at,
        )
        for order in sorted(proof.orders)
    )
