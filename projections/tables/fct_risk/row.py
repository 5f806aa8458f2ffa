"""fct_risk: whether each payment may go on by rules of risk, each time that changed, and who released it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.risk import PaymentRiskDecided
from schemas.topic import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRow:
    """Each decision about a payment by rules of risk, or by a person."""

    record_type: Word
    paytrace_transaction_id: str
    status: Word
    outcome: Word
    detail: Annotated[str, "the rules that are met, or what the person said"]
    is_refund: int
    amount_minor: int
    currency: Word
    shop_orders: str
    rules_version: Number
    revision: Annotated[Number, "the highest one counts"]
    decided_by: Word
    approved_by: Word
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[RiskRow, ...]:
    """Return one row for each, of the journal that made it; what it sends on is not read a second time."""
    if at.topic != Topic.RISK_EVENTS:
        return ()
    return (_row(record),)


def _row(record: PaymentRiskDecided) -> RiskRow:
    return RiskRow(
        record_type="PaymentRiskDecided",
        paytrace_transaction_id=record.paytrace_transaction_id,
        status=record.status.value,
        outcome=record.outcome.value,
        detail=record.detail,
        is_refund=int(record.is_refund),
        amount_minor=record.amount_minor,
        currency=record.currency,
        shop_orders=", ".join(record.shop_orders),
        rules_version=record.rules_version,
        revision=record.revision,
        decided_by=record.decided_by or "",
        approved_by=record.approved_by or "",
        occurred_at=record.occurred_at,
    )


TABLE = FactTable(
    name="fct_risk",
    row=RiskRow,
    order_by=("paytrace_transaction_id",),
    reads=(PaymentRiskDecided,),
    project=project,
)
