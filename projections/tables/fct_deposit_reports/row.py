"""fct_deposit_reports: each deposit as the processor reported it, and each correction of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.settlement import DepositReportRecorded


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositReportRow:
    """Each deposit as the processor reported it; the newest of a deposit has its highest source_offset."""

    settlement_account: Word
    deposit_id: str
    reported_on: date
    gross_minor: int | None
    net_minor: int
    difference_minor: int
    currency: Word
    source_file: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[DepositReportRow, ...]:
    """Return one row for each DepositReportRecorded."""
    return (
        DepositReportRow(
            settlement_account=record.settlement_account,
            deposit_id=record.deposit_id,
            reported_on=record.reported_on,
            gross_minor=record.gross_minor,
            net_minor=record.net_minor,
            difference_minor=record.difference_minor,
            currency=record.currency,
            source_file=record.source_file,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_deposit_reports",
    row=DepositReportRow,
    order_by=("settlement_account", "deposit_id"),
    reads=(DepositReportRecorded,),
    project=project,
)
