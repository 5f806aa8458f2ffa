"""fct_fee_schedules: what fee schedules were proposed and accepted, one row for each card type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.settlement import FeeScheduleAccepted, FeeScheduleProposed

FEE_EVENTS = (FeeScheduleProposed, FeeScheduleAccepted)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeScheduleRow:
    """Fee schedules that were proposed and accepted, one row for each card type."""

    record_type: Word
    settlement_account: Word
    version: Number
    card_type: Word
    rate_bps: int
    per_item_minor: int
    currency: Word
    batch_count: Number
    explained_count: Number
    worst_difference_minor: int
    accepted_by: str
    why: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[FeeScheduleRow, ...]:
    """Return a row for each card type of a schedule."""
    accepted = record if isinstance(record, FeeScheduleAccepted) else None
    return tuple(
        FeeScheduleRow(
            record_type=type(record).__name__,
            settlement_account=record.settlement_account,
            version=record.version,
            card_type=card_type,
            rate_bps=record.rate_bps_by_card_type.get(card_type, 0),
            per_item_minor=record.per_item_by_card_type.get(card_type, 0),
            currency=record.currency,
            batch_count=record.batch_count,
            explained_count=record.explained_count,
            worst_difference_minor=record.worst_difference_minor,
            accepted_by=accepted.requested_by if accepted else "",
            why=accepted.reason if accepted else "",
            occurred_at=record.occurred_at,
        )
        for card_type in sorted({*record.rate_bps_by_card_type, *record.per_item_by_card_type})
    )


TABLE = FactTable(
    name="fct_fee_schedules",
    row=FeeScheduleRow,
    order_by=("settlement_account", "version"),
    reads=FEE_EVENTS,
    project=project,
)
