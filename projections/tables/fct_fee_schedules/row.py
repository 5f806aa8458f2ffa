"""fct_fee_schedules: what fee schedules were proposed and accepted, one row for each card type."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.settlement import FeeScheduleAccepted, FeeScheduleProposed

FEE_EVENTS = (FeeScheduleProposed, FeeScheduleAccepted)


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """A row for each card type of a schedule."""
    if not isinstance(record, FEE_EVENTS):
        return ()
    accepted = record if isinstance(record, FeeScheduleAccepted) else None
    return tuple(
        {
            "record_type": type(record).__name__,
            "settlement_account": record.settlement_account,
            "version": record.version,
            "card_type": card_type,
            "rate_bps": record.rate_bps_by_card_type.get(card_type, 0),
            "per_item_minor": record.per_item_by_card_type.get(card_type, 0),
            "currency": record.currency,
            "batch_count": record.batch_count,
            "explained_count": record.explained_count,
            "worst_difference_minor": record.worst_difference_minor,
            "accepted_by": accepted.requested_by if accepted else "",
            "why": accepted.reason if accepted else "",
            "occurred_at": record.occurred_at,
        }
        for card_type in sorted({*record.rate_bps_by_card_type, *record.per_item_by_card_type})
    )


TABLE = Table(
    name="fct_fee_schedules",
    own_columns=(
        "record_type",
        "settlement_account",
        "version",
        "card_type",
        "rate_bps",
        "per_item_minor",
        "currency",
        "batch_count",
        "explained_count",
        "worst_difference_minor",
        "accepted_by",
        "why",
        "occurred_at",
    ),
    reads=FEE_EVENTS,
    project=project,
)
