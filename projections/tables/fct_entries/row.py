"""fct_entries: the life of each receivables entry (one document to be in abas), event by event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.receivables import (
    EntryDirection,
    EntryHandedOver,
    EntryMoved,
    EntryNetted,
    EntryPartMade,
    EntryPosted,
    EntryPutOnAccount,
    EntrySplit,
    EntryUnmatched,
    EntryWaiting,
    PaymentMatched,
    PostingRequested,
    RefundMatched,
)
from schemas.signs import direction_sign
from schemas.topic import Topic

ENTRY_EVENTS = (
    EntryWaiting,
    PaymentMatched,
    PostingRequested,
    EntryPosted,
    EntryNetted,
    RefundMatched,
    EntrySplit,
    EntryPartMade,
    EntryPutOnAccount,
    EntryUnmatched,
    EntryMoved,
    EntryHandedOver,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """The life of each receivables entry, event by event."""

    record_type: Word
    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    direction: Word
    signed_minor: int
    amount_minor: int
    currency: Word
    invoice_number: str
    abas_open_item_id: str
    refunds_transaction_id: str
    rule: Word
    evidence: tuple[str, ...]
    reason: Word
    detail: str
    document_kind: Word
    reverses_reference: str
    takes_from_reference: str
    netted_with: str
    moved_to: str
    command_id: str
    abas_document_id: str
    abas_document_number: str
    value_on: date | None
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[EntryRow, ...]:
    """Return one row for each event of an entry."""
    # On its way into an inbox an entry that moves is the same as in the journal that it left.
    if at.topic == Topic.RECEIVABLES_INBOX:
        return ()
    direction = _direction(record)
    refund = getattr(record, "refund_transaction_id", "")
    return (
        EntryRow(
            record_type=type(record).__name__,
            posting_reference=record.posting_reference,
            # A matched refund names the payment it belongs to; the entry is still the refund's.
            paytrace_transaction_id=refund or record.paytrace_transaction_id,
            abas_customer_id=record.abas_customer_id,
            direction=direction.value,
            signed_minor=direction_sign(direction) * record.amount_minor,
            amount_minor=record.amount_minor,
            currency=record.currency,
            invoice_number=getattr(record, "invoice_number", None) or "",
            abas_open_item_id=getattr(record, "abas_open_item_id", None) or "",
            refunds_transaction_id=record.paytrace_transaction_id if refund else "",
            rule=getattr(record, "rule", ""),
            evidence=getattr(record, "evidence", ()),
            reason=record.reason.value if isinstance(record, EntryWaiting) else "",
            detail=_detail(record),
            document_kind=getattr(record, "document_kind", ""),
            reverses_reference=getattr(record, "reverses_reference", None) or "",
            takes_from_reference=getattr(record, "takes_from_reference", None) or "",
            netted_with=getattr(record, "netted_with", ""),
            moved_to=record.to_customer_id if isinstance(record, EntryMoved) else "",
            command_id=record.command_id if isinstance(record, EntryMoved) else "",
            abas_document_id=getattr(record, "abas_document_id", ""),
            abas_document_number=getattr(record, "abas_document_number", ""),
            value_on=getattr(record, "value_on", None),
            occurred_at=record.occurred_at,
        ),
    )


def _direction(record: Any) -> EntryDirection:
    """Return the direction, which a match names by its own name: a payment is a receipt, a refund a reversal."""
    match record:
        case PaymentMatched() | EntryUnmatched():
            return EntryDirection.RECEIPT
        case RefundMatched():
            return EntryDirection.REVERSAL
        case _:
            return EntryDirection(record.direction)


def _detail(record: Any) -> str:
    match record:
        case EntryWaiting():
            return record.detail
        case EntrySplit():
            return f"divided into {', '.join(record.part_references)}"
        case EntryPartMade():
            return f"part of {record.split_from}"
        case EntryMoved():
            return f"from customer {record.from_customer_id} to {record.to_customer_id}"
        case EntryPutOnAccount():
            return record.detail
        case EntryHandedOver():
            return f"handed to finance by {record.decided_by}: {record.reason}"
        case EntryUnmatched() if record.reversal_reference is not None:
            return f"reversed by {record.reversal_reference}, waits again as {record.released_reference}"
        case _:
            return ""


TABLE = FactTable(
    name="fct_entries",
    row=EntryRow,
    order_by=("posting_reference",),
    reads=ENTRY_EVENTS,
    project=project,
)
