"""fct_write_offs: what was given up of open items or taken back. No money of the payer, so no bridge counts it."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.receivables import (
    RestWriteOffRefused,
    RestWriteOffRequested,
    RestWriteOffReversalRefused,
    RestWriteOffReversalRequested,
    RestWriteOffReversed,
    RestWrittenOff,
)

WRITE_OFF_EVENTS = (
    RestWriteOffRequested,
    RestWrittenOff,
    RestWriteOffRefused,
    RestWriteOffReversalRequested,
    RestWriteOffReversed,
    RestWriteOffReversalRefused,
)


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each event of a write-off."""
    if not isinstance(record, WRITE_OFF_EVENTS):
        return ()
    return (
        {
            "record_type": type(record).__name__,
            "posting_reference": record.posting_reference,
            "paytrace_transaction_id": record.paytrace_transaction_id,
            "abas_customer_id": record.abas_customer_id,
            "abas_open_item_id": record.abas_open_item_id,
            "amount_minor": record.amount_minor,
            "currency": record.currency,
            "decided_by": getattr(record, "decided_by", ""),
            "reason": getattr(record, "reason", ""),
            "detail": getattr(record, "detail", ""),
            "abas_document_number": getattr(record, "abas_document_number", ""),
            "value_on": getattr(record, "value_on", None),
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_write_offs",
    own_columns=(
        "record_type",
        "posting_reference",
        "paytrace_transaction_id",
        "abas_customer_id",
        "abas_open_item_id",
        "amount_minor",
        "currency",
        "decided_by",
        "reason",
        "detail",
        "abas_document_number",
        "value_on",
        "occurred_at",
    ),
    reads=WRITE_OFF_EVENTS,
    project=project,
)
