"""fct_settlement_days: the bridge of each day as its agent stated it, and each change of its standing."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.settlement import SettlementDayStated


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each SettlementDayStated."""
    if not isinstance(record, SettlementDayStated):
        return ()
    return (
        {
            "settlement_account": record.settlement_account,
            "book_on": record.book_on,
            "is_closed": record.is_closed,
            "currency": record.currency,
            "opening_minor": record.opening_minor,
            "closing_minor": record.closing_minor,
            "in_transit_minor": record.in_transit_minor,
            "unexplained_minor": record.unexplained_minor,
            "residual_minor": record.residual_minor,
            "open_bank_line_ids": list(record.open_bank_line_ids),
            "overdue_count": record.overdue_count,
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_settlement_days",
    own_columns=(
        "settlement_account",
        "book_on",
        "is_closed",
        "currency",
        "opening_minor",
        "closing_minor",
        "in_transit_minor",
        "unexplained_minor",
        "residual_minor",
        "open_bank_line_ids",
        "overdue_count",
        "occurred_at",
    ),
    reads=(SettlementDayStated,),
    project=project,
)
