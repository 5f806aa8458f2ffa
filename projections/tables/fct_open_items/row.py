"""fct_open_items: each change of an open item (offener Posten) as receivables recorded it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.receivables import OpenItemRecorded


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItemRow:
    """Changes of open items as receivables recorded them."""

    abas_open_item_id: str
    abas_customer_id: str
    invoice_number: str
    amount_minor: int
    open_minor: int
    currency: Word
    due_on: date | None
    is_open: bool
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[OpenItemRow, ...]:
    """Return one row for each OpenItemRecorded."""
    return (
        OpenItemRow(
            abas_open_item_id=record.abas_open_item_id,
            abas_customer_id=record.abas_customer_id,
            invoice_number=record.invoice_number,
            amount_minor=record.amount_minor,
            open_minor=record.open_minor,
            currency=record.currency,
            due_on=record.due_on,
            is_open=record.is_open,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_open_items",
    row=OpenItemRow,
    order_by=("abas_open_item_id",),
    reads=(OpenItemRecorded,),
    project=project,
)
