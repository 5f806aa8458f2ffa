"""fct_documents: each document that was asked of the ERP and what became of it, read from the sink's inbox and journal.

The same outcomes travel back through the inbox of receivables; counting them there too would double them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.about import DOCUMENT_RECORDS
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.documents import PAYER_MONEY, payer_money_sign
from schemas.records.erp import DocumentPosted, PostDocument, SubjectKind
from schemas.topic import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """Each document that was asked of the ERP, and what the ERP made of it."""

    record_type: Word
    kind: Word
    posting_reference: str
    paytrace_transaction_id: str
    subject_kind: Word
    subject: str
    abas_customer_id: str
    settlement_account: Word
    dispute_id: str
    is_payer_money: bool
    signed_minor: int
    amount_minor: int
    currency: Word
    open_item: str
    reverses_reference: str
    document_id: str
    document_number: str
    code: Word
    message: str
    field_name: Word
    value_on: Annotated[date | None, "the day that the document bears"]
    posted_on: Annotated[date | None, "the day it was to be posted on, where the period of value_on is closed"]
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[DocumentRow, ...]:
    """Return one row for each command and each outcome; what was asked for or refused moves no money."""
    topic = Topic.ERP_COMMANDS if isinstance(record, PostDocument) else Topic.ERP_OUTCOMES
    if at.topic != topic:
        return ()
    sign = payer_money_sign(record.kind)
    # A payer's money counts as it came, also where it clears an item in another currency.
    line = next((one for one in record.lines if sign and one.role in PAYER_MONEY), record.lines[0])
    amount = sum(one.amount_minor for one in record.lines if (one.side, one.currency) == (line.side, line.currency))
    return (
        DocumentRow(
            record_type=type(record).__name__,
            kind=record.kind,
            posting_reference=record.posting_reference,
            paytrace_transaction_id=record.values.get("paytrace_transaction_id", ""),
            subject_kind=record.subject_kind.value,
            subject=record.subject,
            abas_customer_id=record.subject if record.subject_kind is SubjectKind.CUSTOMER else "",
            settlement_account=record.settlement_account or "",
            dispute_id=record.values.get("dispute", ""),
            is_payer_money=bool(sign),
            signed_minor=sign * amount if isinstance(record, DocumentPosted) else 0,
            amount_minor=amount,
            currency=line.currency,
            open_item=next((one.open_item for one in record.lines if one.open_item), ""),
            reverses_reference=record.reverses_reference or "",
            document_id=getattr(record, "document_id", ""),
            document_number=getattr(record, "document_number", ""),
            code=getattr(record, "code", ""),
            message=getattr(record, "message", ""),
            field_name=getattr(record, "field_name", None) or "",
            value_on=_day(record.values.get("value_on")),
            posted_on=getattr(record, "posted_on", None),
            occurred_at=record.occurred_at,
        ),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


TABLE = FactTable(
    name="fct_documents",
    row=DocumentRow,
    order_by=("posting_reference",),
    reads=DOCUMENT_RECORDS,
    project=project,
)
