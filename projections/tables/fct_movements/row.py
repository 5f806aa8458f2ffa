"""fct_movements: the way of each money movement, from the question whose it is to its arrival with a customer.

The question (PaymentToIdentify) comes from the inbox of identification, the rest from journals; what a journal sends on
to an inbox is not read there a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Tiny, Word
from projections.tables.table import FactTable
from schemas.records.identification import (
    PaymentAwaitsReference,
    PaymentAwaitsRisk,
    PaymentIdentified,
    PaymentPassedOn,
    PaymentToIdentify,
)
from schemas.records.receivables import MovementRecorded
from schemas.signs import movement_sign
from schemas.topic import Topic

# A movement goes from a token to its payment, each perhaps on another partition, so offsets alone don't order its
# records; the stage does. What repeats within a stage lies on one partition.
STAGES: dict[type, int] = {
    PaymentToIdentify: 0,
    PaymentPassedOn: 1,
    PaymentAwaitsReference: 2,
    PaymentAwaitsRisk: 2,
    PaymentIdentified: 3,
    MovementRecorded: 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementRow:
    """The way of each money movement, from the question whose it is to the entries of a customer."""

    record_type: Word
    stage: Tiny
    movement_id: str
    paytrace_transaction_id: str
    movement: Word
    signed_minor: int
    amount_minor: int
    currency: Word
    method: Word
    invoice_number: str
    vault_customer_id: str
    token: str
    abas_customer_id: str
    reason: Word
    detail: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[MovementRow, ...]:
    """Return one row for each record about a movement on its way."""
    stage = STAGES.get(type(record))
    is_sent_on = at.topic == Topic.RECEIVABLES_INBOX or (at.topic == Topic.IDENTIFICATION_INBOX and stage != 0)
    if stage is None or is_sent_on:
        return ()
    return (
        MovementRow(
            record_type=type(record).__name__,
            stage=stage,
            movement_id=record.movement_id,
            paytrace_transaction_id=record.paytrace_transaction_id,
            movement=record.movement.value,
            signed_minor=movement_sign(record.movement) * record.amount_minor,
            amount_minor=record.amount_minor,
            currency=record.currency,
            method=record.method.value,
            invoice_number=record.invoice_number or "",
            vault_customer_id=getattr(record, "vault_customer_id", None) or "",
            token=_token(record),
            abas_customer_id=getattr(record, "abas_customer_id", ""),
            reason=record.reason.value if isinstance(record, PaymentAwaitsReference | PaymentAwaitsRisk) else "",
            detail=record.detail if isinstance(record, PaymentAwaitsReference | PaymentAwaitsRisk) else "",
            occurred_at=record.occurred_at,
        ),
    )


def _token(record: Any) -> str:
    match record:
        case PaymentToIdentify():
            return record.tokens[0] if record.tokens else ""
        case PaymentIdentified() | PaymentAwaitsRisk():
            return record.identified_by
        case PaymentPassedOn() | PaymentAwaitsReference():
            return record.token
        case _:
            return ""


TABLE = FactTable(
    name="fct_movements",
    row=MovementRow,
    order_by=("movement_id",),
    reads=tuple(STAGES),
    project=project,
)
