"""fct_orders: each step of each order of a shop, from the order to the sales order, its money and its status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from schemas.records.orders import (
    OrderChanged,
    OrderCustomerFound,
    OrderDecided,
    OrderDecisionRefused,
    OrderDelivered,
    OrderGone,
    OrderInReview,
    OrderMoneyNamed,
    OrderMoneyReported,
    OrderPaymentAsked,
    OrderPaymentReported,
    OrderPaymentRequested,
    OrderPlaced,
    OrderRequestAnswered,
    OrderReviewEnded,
    OrderWaitEnded,
    OrderWaiting,
    ShopRefundSeen,
    ShopRefundVanished,
    ShopWriteRefused,
    ShopWritten,
    WriteToShop,
)
from schemas.topic import Topic
from schemas.values.counting import counted

STEPS: dict[type, str] = {
    OrderPlaced: "placed in the shop",
    OrderChanged: "changed in the shop",
    OrderGone: "gone from the shop",
    OrderInReview: "does not add up",
    OrderReviewEnded: "adds up again",
    ShopRefundSeen: "refund in the shop",
    ShopRefundVanished: "refund vanished from the shop",
    OrderPaymentAsked: "payment asked about",
    OrderPaymentReported: "payment",
    OrderCustomerFound: "customer found",
    SaveRecord: "sales order asked",
    RecordSaved: "sales order",
    RecordRefused: "sales order refused",
    OrderMoneyNamed: "money assigned",
    OrderMoneyReported: "money booked",
    OrderDelivered: "delivered",
    OrderPaymentRequested: "PayTrace asked",
    OrderRequestAnswered: "PayTrace answered",
    WriteToShop: "shop asked",
    ShopWritten: "shop written",
    ShopWriteRefused: "shop refused",
    OrderWaiting: "waits",
    OrderWaitEnded: "goes on",
    OrderDecided: "decided",
    OrderDecisionRefused: "decision refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """Each step of an order, as it was recorded."""

    record_type: Word
    shop_order: Annotated[str, "<shop>/<order id>"]
    step: Word
    status: Annotated[Word, "status in the shop, of the payment, written, decided; why it waits"]
    reference: Annotated[str, "number that people know: of order, sales order, document, customer"]
    paytrace_transaction_id: str
    amount_minor: Annotated[int, "0 where the step has none"]
    currency: Annotated[Word, "empty where the step has no amount"]
    detail: str
    decided_by: Word
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[OrderRow, ...]:
    """Return one row for each step."""
    status, reference, minor, detail = _told(record)
    return (
        OrderRow(
            record_type=type(record).__name__,
            shop_order=getattr(record, "shop_order", None) or record.natural_key,
            step=STEPS[type(record)],
            status=status,
            reference=reference,
            paytrace_transaction_id=getattr(record, "paytrace_transaction_id", ""),
            amount_minor=minor,
            currency=getattr(record, "currency", None) or "",
            detail=detail,
            decided_by=getattr(record, "decided_by", ""),
            occurred_at=record.occurred_at,
        ),
    )


def _told(record: Any) -> tuple[str, str, int, str]:
    """Return status, reference, amount and detail of a step."""
    match record:
        case OrderPlaced() | OrderChanged():
            changes = record.changes if isinstance(record, OrderChanged) else ()
            return record.raw_status, record.order_number, record.total_minor or 0, ", ".join(changes)
        case OrderInReview():
            return "", "", 0, "; ".join(review.detail for review in record.reviews)
        case ShopRefundSeen() | ShopRefundVanished():
            return "", record.shop_refund_id, record.amount_minor or 0, ""
        case OrderPaymentReported():
            minor = record.captured_minor or record.authorized_minor
            refunded = f"refunded {record.refunded_minor} of it (minor units)" if record.refunded_minor else ""
            return record.status.value, "", minor, "; ".join(filter(None, (record.detail, refunded)))
        case OrderCustomerFound():
            return record.source.value, record.abas_customer_id or "", 0, record.detail
        case SaveRecord():
            left = sum(row.values.get("quantity") != "0" for row in record.rows)
            return "" if left else "cancelled", record.subject, 0, f"{counted(left, 'row')} to deliver"
        case RecordSaved():
            return "", record.erp_number, 0, ""
        case RecordRefused():
            return record.code, "", 0, record.message
        case OrderMoneyNamed():
            return "", record.abas_customer_id, 0, ""
        case OrderMoneyReported():
            on = f"invoice {record.invoice_number}" if record.invoice_number else "on account"
            return record.document_kind, record.abas_document_number, record.amount_minor, on
        case OrderDelivered():
            quantities = ", ".join(f"{one.quantity} of line {one.line_id}" for one in record.delivered_lines)
            return "", record.delivery_number, 0, quantities
        case OrderPaymentRequested():
            return record.kind.value, record.payment_request_id, record.amount_minor, record.reason
        case OrderRequestAnswered():
            return record.status.value, record.result_transaction_id or record.payment_request_id, 0, record.message
        case WriteToShop():
            return record.shop_status or record.kind.value.lower(), "", 0, record.text
        case ShopWritten():
            return record.kind.value.lower(), record.shop_record_id, 0, record.command_id
        case ShopWriteRefused():
            return record.code, "", 0, record.message
        case OrderWaiting():
            return record.reason.value, "", 0, record.detail
        case OrderDecided():
            return record.decision.value, record.abas_customer_id or "", 0, record.reason
        case OrderDecisionRefused():
            return record.decision.value, "", 0, record.refused_because
        case _:
            return "", "", 0, ""


TABLE = FactTable(
    name="fct_orders",
    row=OrderRow,
    order_by=("shop_order",),
    reads=tuple(STEPS),
    topics=frozenset({Topic.ORDERS_EVENTS}),
    project=project,
)
