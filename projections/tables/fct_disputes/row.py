"""fct_disputes: each fact of a dispute as the settlement context recorded it, and what it did to its payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.payments import PaymentChargebackReversed, PaymentChargedBack
from schemas.records.settlement import DisputeRecorded

DISPUTE_RECORDS = (DisputeRecorded, PaymentChargedBack, PaymentChargebackReversed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeRow:
    """Each fact of a dispute, and what it did to its payment."""

    record_type: Word
    settlement_account: Word
    dispute_id: str
    paytrace_transaction_id: str
    stage: Word
    raw_stage: str
    reason_code: Word
    amount_minor: int
    previous_minor: int
    charged_back_minor: Annotated[int, "what the dispute takes since then"]
    currency: Word
    entered_on: date
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[DisputeRow, ...]:
    """Return one row for each.

    Amount_minor is the fact's own amount, or for a payment the difference, never negative.
    """
    if not isinstance(record, DISPUTE_RECORDS):
        return ()
    if isinstance(record, DisputeRecorded):
        stage, amount_minor, now_minor = record.stage.value, record.amount_minor, record.charged_back_minor
    else:
        stage, amount_minor, now_minor = "", abs(record.amount_minor - record.previous_minor), record.amount_minor
    return (
        DisputeRow(
            record_type=type(record).__name__,
            settlement_account=record.settlement_account,
            dispute_id=record.dispute_id,
            paytrace_transaction_id=record.paytrace_transaction_id or "",
            stage=stage,
            raw_stage=record.raw_stage,
            reason_code=record.reason_code,
            amount_minor=amount_minor,
            previous_minor=record.previous_minor,
            charged_back_minor=now_minor,
            currency=record.currency,
            entered_on=record.entered_on,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_disputes",
    row=DisputeRow,
    order_by=("settlement_account", "dispute_id"),
    reads=DISPUTE_RECORDS,
    project=project,
)
