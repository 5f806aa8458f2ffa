"""What a record is about, as text, for tables that take records of any type."""

from __future__ import annotations

from typing import Any

from schemas.records.erp import DocumentPosted, DocumentRefused, PostDocument, SubjectKind

# What says all of a document: asked for, posted, refused.
DOCUMENT_RECORDS = (PostDocument, DocumentPosted, DocumentRefused)


def text_of(record: Any, name: str) -> str:
    """Return a field as text, of a document from its values and lines; empty where there is none or it is left open."""
    return getattr(record, name, None) or _of_document(record, name) or ""


def amount_of(record: Any) -> int:
    """Return the amount of a record in minor units, of a document its first line's; 0 where it has none."""
    if isinstance(record, DOCUMENT_RECORDS):
        return record.lines[0].amount_minor
    return getattr(record, "amount_minor", None) or 0


def _of_document(record: Any, name: str) -> str | None:
    if not isinstance(record, DOCUMENT_RECORDS):
        return None
    match name:
        case "paytrace_transaction_id":
            return record.values.get(name)
        case "abas_customer_id" if record.subject_kind is SubjectKind.CUSTOMER:
            return record.subject
        case "currency":
            return record.lines[0].currency
        case _:
            return None
