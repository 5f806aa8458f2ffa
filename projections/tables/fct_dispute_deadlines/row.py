"""fct_dispute_deadlines: until when each dispute must be answered, and the warnings of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.disputes import DisputeDeadlineNear, DisputeDeadlinePassed, DisputeDeadlineSet
from schemas.topic import Topic

DEADLINE_RECORDS = (DisputeDeadlineSet, DisputeDeadlineNear, DisputeDeadlinePassed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeDeadlineRow:
    """Until when each dispute must be answered, each warning before, and that the day passed."""

    record_type: Word
    settlement_account: Word
    dispute_id: str
    paytrace_transaction_id: str
    deadline_on: Annotated[date | None, "last day on which an answer counts; null when none is due any more"]
    days_left: Annotated[Number | None, "days until then when it was reported"]
    stage: Word
    reason_code: Word
    amount_minor: int
    currency: Word
    occurred_at: datetime


def project(record: Any, _at: Coordinates) -> tuple[DisputeDeadlineRow, ...]:
    """Return one row for each of these records."""
    return (
        DisputeDeadlineRow(
            record_type=type(record).__name__,
            settlement_account=record.settlement_account,
            dispute_id=record.dispute_id,
            paytrace_transaction_id=record.paytrace_transaction_id or "",
            deadline_on=record.deadline_on,
            days_left=record.days_left if isinstance(record, DisputeDeadlineNear) else None,
            stage=record.stage.value,
            reason_code=record.reason_code,
            amount_minor=record.amount_minor,
            currency=record.currency,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_dispute_deadlines",
    row=DisputeDeadlineRow,
    order_by=("settlement_account", "dispute_id"),
    reads=DEADLINE_RECORDS,
    topics=frozenset({Topic.DISPUTES_EVENTS}),  # a deadline comes in by the inbox as well
    project=project,
)
