"""fct_unrecognized: what of PayTrace's observations could not be read, and the observation that ended it.

Money of these rows is not proved, so no term of the bridge holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.payments import PaymentStatusRecognized, PaymentStatusUnrecognized, UnrecognizedReason
from schemas.signs import transaction_sign


@dataclass(frozen=True, slots=True, kw_only=True)
class UnrecognizedRow:
    """Observations that could not be read, and when a later one could."""

    record_type: Word
    paytrace_transaction_id: str
    merchant: Word = ""
    method: Word = ""
    kind: Word = ""
    reason: Word = ""
    said: str = ""
    raw_kind: str = ""
    raw_status: str = ""
    raw_amount: str | None = None
    amount_minor: Annotated[int | None, "null where the amount could not be read"] = None
    signed_minor: Annotated[int, "0 where the amount could not be read"] = 0
    currency: Word = ""
    invoice_number: str = ""
    vault_customer_id: str = ""
    card_last_four: str = ""
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[UnrecognizedRow, ...]:
    """Return one row for each observation that could not be read, and for each that ended the waiting."""
    match record:
        case PaymentStatusUnrecognized():
            return (_unread(record),)
        case PaymentStatusRecognized():
            return (
                UnrecognizedRow(
                    record_type=type(record).__name__,
                    paytrace_transaction_id=record.paytrace_transaction_id,
                    occurred_at=record.occurred_at,
                ),
            )
        case _:
            return ()


def _unread(record: PaymentStatusUnrecognized) -> UnrecognizedRow:
    return UnrecognizedRow(
        record_type=type(record).__name__,
        paytrace_transaction_id=record.paytrace_transaction_id,
        merchant=record.merchant,
        method=record.method.value,
        kind=record.kind.value,
        reason=record.reason.value,
        said=_said(record),
        raw_kind=record.raw_kind,
        raw_status=record.raw_status,
        raw_amount=record.raw_amount,
        amount_minor=record.amount_minor,
        signed_minor=transaction_sign(record.kind) * (record.amount_minor or 0),
        currency=record.currency,
        invoice_number=record.invoice_number or "",
        vault_customer_id=record.vault_customer_id or "",
        card_last_four=record.card_last_four or "",
        occurred_at=record.occurred_at,
    )


def _said(record: PaymentStatusUnrecognized) -> str:
    """Return what could not be read, in PayTrace's words."""
    parts = []
    if record.detail is not None:
        parts.append(record.detail)
    if record.reason is UnrecognizedReason.KIND_UNKNOWN:
        parts.append(f"kind {record.raw_kind or 'not given'}")
    if record.raw_amount is not None:
        parts.append(f"amount {record.raw_amount or 'not given'}")
    status = record.raw_status if record.raw_status.strip("/ ") else "no status"
    return "; ".join([*parts, f"PayTrace says {status}"])


TABLE = FactTable(
    name="fct_unrecognized",
    row=UnrecognizedRow,
    order_by=("paytrace_transaction_id",),
    reads=(PaymentStatusUnrecognized, PaymentStatusRecognized),
    project=project,
)
