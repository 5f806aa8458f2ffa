"""fct_settlement_days: the bridge of each day as its agent stated it, and each change of its status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.settlement import SettlementDayStated


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementDayRow:
    """The bridge of each day as its agent stated it; the newest of a day has its highest source_offset."""

    settlement_account: Word
    book_on: date
    is_closed: bool
    currency: Word
    opening_minor: int
    closing_minor: int
    in_transit_minor: int
    unexplained_minor: int
    residual_minor: int
    open_bank_line_ids: tuple[str, ...]
    overdue_count: Number
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[SettlementDayRow, ...]:
    """Return one row for each SettlementDayStated."""
    return (
        SettlementDayRow(
            settlement_account=record.settlement_account,
            book_on=record.book_on,
            is_closed=record.is_closed,
            currency=record.currency,
            opening_minor=record.opening_minor,
            closing_minor=record.closing_minor,
            in_transit_minor=record.in_transit_minor,
            unexplained_minor=record.unexplained_minor,
            residual_minor=record.residual_minor,
            open_bank_line_ids=record.open_bank_line_ids,
            overdue_count=record.overdue_count,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_settlement_days",
    row=SettlementDayRow,
    order_by=("settlement_account", "book_on"),
    reads=(SettlementDayStated,),
    project=project,
)
