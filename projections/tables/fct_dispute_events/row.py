"""fct_dispute_events: each fact of a dispute as its case recorded it, and what it did to its payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.disputes import DisputeRecorded
from schemas.records.payments import PaymentChargebackReversed, PaymentChargedBack

DISPUTE_RECORDS = (DisputeRecorded, PaymentChargedBack, PaymentChargebackReversed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeEventRow:
    """Each fact of a dispute, and what it did to its payment."""

    record_type: Word
    settlement_account: Word
    dispute_id: str
    paytrace_transaction_id: str
    fact: Annotated[Word, "what happened; empty for what a payment heard"]
    stage: Annotated[Word, "the fact that decides since then; empty for what a payment heard"]
    raw_stage: str
    reason_code: Word
    amount_minor: int
    disputed_minor: Annotated[int, "what is in dispute; 0 for what a payment heard"]
    previous_minor: int
    charged_back_minor: Annotated[int, "what the dispute takes since then"]
    lost_minor: Annotated[int, "what of that is lost for good since then"]
    currency: Word
    reopens_invoice: Annotated[bool, "whether the customer's invoice is open again at once (policy reopen)"]
    entered_on: date
    deadline_on: Annotated[date | None, "last day on which an answer counts since then"]
    origin: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[DisputeEventRow, ...]:
    """Return one row for each.

    Amount_minor is the fact's own amount, or for a payment the difference, never negative.
    """
    if isinstance(record, DisputeRecorded):
        fact, stage = record.fact.value, record.stage.value
        amount_minor, now_minor, lost_minor = record.amount_minor, record.charged_back_minor, record.lost_minor
        deadline_on, origin = record.deadline_on, record.origin
    else:
        fact, stage, origin, deadline_on = "", "", "", None
        amount_minor, now_minor, lost_minor = abs(record.amount_minor - record.previous_minor), record.amount_minor, 0
    return (
        DisputeEventRow(
            record_type=type(record).__name__,
            settlement_account=record.settlement_account,
            dispute_id=record.dispute_id,
            paytrace_transaction_id=record.paytrace_transaction_id or "",
            fact=fact,
            stage=stage,
            raw_stage=record.raw_stage,
            reason_code=record.reason_code,
            amount_minor=amount_minor,
            disputed_minor=record.disputed_minor if isinstance(record, DisputeRecorded) else 0,
            previous_minor=record.previous_minor,
            charged_back_minor=now_minor,
            lost_minor=lost_minor,
            currency=record.currency,
            reopens_invoice=record.reopens_invoice,
            entered_on=record.entered_on,
            deadline_on=deadline_on,
            origin=origin,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_dispute_events",
    row=DisputeEventRow,
    order_by=("settlement_account", "dispute_id"),
    reads=DISPUTE_RECORDS,
    project=project,
)
