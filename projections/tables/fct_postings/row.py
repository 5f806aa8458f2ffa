"""fct_postings: what abas made of each command, read from the sink's journal and nowhere else.

The same outcomes travel back through the inbox of receivables; counting them there too would double them.
"""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.erp import CashReceiptPosted, CashReceiptReversed, PostingRefused
from schemas.topic import Topic


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each outcome; a refusal moves no money."""
    if at.topic != Topic.ERP_OUTCOMES or not isinstance(
        record, CashReceiptPosted | CashReceiptReversed | PostingRefused
    ):
        return ()
    return (
        {
            "record_type": type(record).__name__,
            "posting_reference": record.posting_reference,
            "paytrace_transaction_id": record.paytrace_transaction_id,
            "abas_customer_id": record.abas_customer_id,
            "signed_minor": _signed(record),
            "amount_minor": record.amount_minor,
            "currency": record.currency,
            "reverses_reference": getattr(record, "reverses_reference", ""),
            "abas_document_id": getattr(record, "abas_document_id", ""),
            "abas_document_number": getattr(record, "abas_document_number", ""),
            "code": getattr(record, "code", ""),
            "message": getattr(record, "message", ""),
            "field_name": getattr(record, "field_name", None) or "",
            "occurred_at": record.occurred_at,
        },
    )


def _signed(outcome: CashReceiptPosted | CashReceiptReversed | PostingRefused) -> int:
    match outcome:
        case CashReceiptPosted():
            return outcome.amount_minor
        case CashReceiptReversed():
            return -outcome.amount_minor
        case PostingRefused():
            return 0


TABLE = Table(
    name="fct_postings",
    own_columns=(
        "record_type",
        "posting_reference",
        "paytrace_transaction_id",
        "abas_customer_id",
        "signed_minor",
        "amount_minor",
        "currency",
        "reverses_reference",
        "abas_document_id",
        "abas_document_number",
        "code",
        "message",
        "field_name",
        "occurred_at",
    ),
    reads=(CashReceiptPosted, CashReceiptReversed, PostingRefused),
    project=project,
)
