"""fct_settlement_batches: each change of a settlement batch as PayTrace showed it, with what does not add up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.settlement import SettlementBatchObserved


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementBatchRow:
    """Each change of a settlement batch as PayTrace showed it; the newest of a batch has its highest source_offset."""

    batch_id: str
    merchant: Word
    batch_number: Number
    settled_on: date
    settled_at: datetime
    net_minor: int
    sales_minor: int | None
    refund_minor: int | None
    currency: Word
    transaction_count: Number | None
    listed_net_minor: int | None
    listed_count: Number | None
    is_consistent: bool | None
    mismatch: str
    observed_at: datetime


def project(record: Any, at: Coordinates) -> tuple[SettlementBatchRow, ...]:
    """Return one row for each SettlementBatchObserved."""
    return (
        SettlementBatchRow(
            batch_id=record.batch_id,
            merchant=record.merchant,
            batch_number=record.batch_number,
            settled_on=record.settled_on,
            settled_at=record.settled_at,
            net_minor=record.net_minor,
            sales_minor=record.sales_minor,
            refund_minor=record.refund_minor,
            currency=record.currency,
            transaction_count=record.transaction_count,
            listed_net_minor=record.listed_net_minor,
            listed_count=record.listed_count,
            is_consistent=record.is_consistent,
            mismatch=record.mismatch,
            observed_at=record.observed_at,
        ),
    )


TABLE = FactTable(
    name="fct_settlement_batches",
    row=SettlementBatchRow,
    order_by=("batch_id",),
    reads=(SettlementBatchObserved,),
    project=project,
)
