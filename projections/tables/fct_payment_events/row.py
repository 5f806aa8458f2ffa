"""fct_payment_events: what happened to each payment, and which term of the bridge it moves by how much.

Terms: captured, refunded, voided, returned, charged_back. What is left for abas is captured less the other four.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.orders import OrderPaymentAsked
from schemas.records.payments import (
    AchPaymentFailed,
    AchPaymentInitiated,
    AchPaymentReturned,
    AuthorizationRecorded,
    CaptureAmountChanged,
    CaptureRecorded,
    CaptureReversalReason,
    CaptureReversed,
    NextStepFound,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentChargebackLost,
    PaymentChargebackReversed,
    PaymentChargedBack,
    PaymentContradicted,
    PaymentDeclined,
    PaymentSettled,
    PaymentStatusRecognized,
    PaymentStatusUnrecognized,
    PaymentValued,
    PaymentVoided,
    RefundApplied,
    RefundIssued,
    RefundReversed,
    RefundSettled,
    ValuationAsked,
)
from schemas.values.business_day import business_day

PAYMENT_RECORDS = (
    PaymentAuthorized,
    AuthorizationRecorded,
    AchPaymentInitiated,
    PaymentCaptured,
    CaptureRecorded,
    CaptureAmountChanged,
    PaymentSettled,
    PaymentVoided,
    PaymentDeclined,
    AchPaymentFailed,
    AchPaymentReturned,
    CaptureReversed,
    RefundIssued,
    RefundReversed,
    RefundSettled,
    RefundApplied,
    PaymentChargedBack,
    PaymentChargebackLost,
    PaymentChargebackReversed,
    PaymentStatusUnrecognized,
    PaymentStatusRecognized,
    PaymentContradicted,
    PaymentValued,
    ValuationAsked,
    NextStepFound,
    OrderPaymentAsked,
)


def bridge_term(event: Any) -> tuple[str, int]:
    """Term of the bridge and signed minor units that this event adds to it; ("", 0) when it moves no money."""
    match event:
        case PaymentCaptured():
            return "captured", event.amount_minor
        case CaptureAmountChanged():
            return "captured", event.amount_minor - event.previous_minor
        case RefundIssued():
            return "refunded", event.amount_minor
        case RefundReversed():
            return "refunded", -event.amount_minor
        case CaptureReversed(reason=CaptureReversalReason.ACH_RETURN):
            return "returned", event.amount_minor
        case CaptureReversed():
            # A reason that a newer writer knows and we don't is still money gone before settlement: a void.
            return "voided", event.amount_minor
        case PaymentChargedBack() | PaymentChargebackReversed():
            return "charged_back", event.amount_minor - event.previous_minor
        case _:
            return "", 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEventRow:
    """What happened to each payment."""

    record_type: Word
    paytrace_transaction_id: str
    merchant: Word
    method: Word
    term: Annotated[Word, "term of the bridge; empty where no money moved"]
    term_minor: Annotated[int, "what it adds to that term"]
    amount_minor: int
    currency: Word
    invoice_number: str
    vault_customer_id: str
    card_last_four: str
    refund_transaction_id: str
    batch_number: Number | None
    detail: str
    settled_at: datetime | None
    value_on: date
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[PaymentEventRow, ...]:
    """Return one row for each event of a payment."""
    term, term_minor = bridge_term(record)
    return (
        PaymentEventRow(
            record_type=type(record).__name__,
            paytrace_transaction_id=record.paytrace_transaction_id,
            merchant=_field(record, "merchant"),
            method=str(_field(record, "method")),
            term=term,
            term_minor=term_minor,
            amount_minor=getattr(record, "amount_minor", None) or 0,
            currency=_field(record, "currency"),
            invoice_number=_field(record, "invoice_number"),
            vault_customer_id=_field(record, "vault_customer_id"),
            card_last_four=_field(record, "card_last_four"),
            refund_transaction_id=_field(record, "refund_transaction_id"),
            batch_number=getattr(record, "batch_number", None),
            detail=_detail(record),
            settled_at=getattr(record, "settled_at", None),
            value_on=getattr(record, "value_on", None) or business_day(record.occurred_at),
            occurred_at=record.occurred_at,
        ),
    )


def _field(record: Any, name: str) -> str:
    return getattr(record, name, None) or ""


def _detail(record: Any) -> str:
    match record:
        case PaymentVoided() | CaptureReversed():
            return str(record.reason.value)
        case CaptureRecorded():
            return str(record.status.value)
        case PaymentDeclined():
            return record.approval_message
        case AchPaymentFailed():
            return record.raw_status
        case AchPaymentReturned():
            return record.return_code or ""
        case PaymentStatusUnrecognized():
            return f"{record.raw_kind}: {record.raw_status}"
        case PaymentContradicted():
            return record.detail
        case PaymentChargedBack() | PaymentChargebackReversed() | PaymentChargebackLost():
            return f"dispute {record.dispute_id}: {record.raw_stage}"
        case ValuationAsked():
            return record.currency_pair
        case OrderPaymentAsked():
            return f"order {record.shop_order}"
        case PaymentValued():
            return f"1 {record.currency} = {record.rate} {record.base_currency}, {record.rate_provider}"
        case NextStepFound():
            return _next_step(record)
        case _:
            return ""


def _next_step(found: NextStepFound) -> str:
    step = found.next_step.value.lower().replace("_", " ")
    cap = f", at most {found.most_entries} entries in {found.entries_days} days" if found.most_entries else ""
    again = f" on {found.again_on}" if found.again_on else ""
    correct = f", {found.correct}" if found.correct else ""
    by = f" by {found.correct_by_on} or before the next entry" if found.correct_by_on else ""
    return f"{found.code or 'no code'} ({found.meaning}): {step}{again}{cap}{correct}{by}"


TABLE = FactTable(
    name="fct_payment_events",
    row=PaymentEventRow,
    order_by=("paytrace_transaction_id",),
    reads=PAYMENT_RECORDS,
    project=project,
)
