"""fct_documents: each document that was asked of the ERP and what became of it, read from the sink's inbox and journal.

The same outcomes travel back through the inbox of receivables; counting them there too would double them.
"""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.documents import payer_money_sign
from schemas.records.erp import DocumentPosted, DocumentRefused, PostDocument, SubjectKind
from schemas.topic import Topic

DOCUMENT_RECORDS = (PostDocument, DocumentPosted, DocumentRefused)


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each command and each outcome; what was asked for or refused moves no money."""
    topic = Topic.ERP_COMMANDS if isinstance(record, PostDocument) else Topic.ERP_OUTCOMES
    if at.topic != topic or not isinstance(record, DOCUMENT_RECORDS):
        return ()
    line = record.lines[0]
    amount = sum(one.amount_minor for one in record.lines if (one.side, one.currency) == (line.side, line.currency))
    sign = payer_money_sign(record.kind)
    return (
        {
            "record_type": type(record).__name__,
            "kind": record.kind,
            "posting_reference": record.posting_reference,
            "paytrace_transaction_id": record.values.get("paytrace_transaction_id", ""),
            "subject_kind": record.subject_kind.value,
            "subject": record.subject,
            "abas_customer_id": record.subject if record.subject_kind is SubjectKind.CUSTOMER else "",
            "is_payer_money": bool(sign),
            "signed_minor": sign * amount if isinstance(record, DocumentPosted) else 0,
            "amount_minor": amount,
            "currency": line.currency,
            "open_item": line.open_item or "",
            "reverses_reference": record.reverses_reference or "",
            "document_id": getattr(record, "document_id", ""),
            "document_number": getattr(record, "document_number", ""),
            "code": getattr(record, "code", ""),
            "message": getattr(record, "message", ""),
            "field_name": getattr(record, "field_name", None) or "",
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_documents",
    own_columns=(
        "record_type",
        "kind",
        "posting_reference",
        "paytrace_transaction_id",
        "subject_kind",
        "subject",
        "abas_customer_id",
        "is_payer_money",
        "signed_minor",
        "amount_minor",
        "currency",
        "open_item",
        "reverses_reference",
        "document_id",
        "document_number",
        "code",
        "message",
        "field_name",
        "occurred_at",
    ),
    reads=DOCUMENT_RECORDS,
    project=project,
)
