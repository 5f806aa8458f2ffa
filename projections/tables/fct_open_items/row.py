"""fct_open_items: each change of an open item (offener Posten) as receivables recorded it."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.receivables import OpenItemRecorded


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each OpenItemRecorded."""
    if not isinstance(record, OpenItemRecorded):
        return ()
    return (
        {
            "abas_open_item_id": record.abas_open_item_id,
            "abas_customer_id": record.abas_customer_id,
            "invoice_number": record.invoice_number,
            "amount_minor": record.amount_minor,
            "open_minor": record.open_minor,
            "currency": record.currency,
            "due_on": record.due_on,
            "is_open": record.is_open,
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_open_items",
    own_columns=(
        "abas_open_item_id",
        "abas_customer_id",
        "invoice_number",
        "amount_minor",
        "open_minor",
        "currency",
        "due_on",
        "is_open",
        "occurred_at",
    ),
    reads=(OpenItemRecorded,),
    project=project,
)
