"""fct_next_steps: what the code of a return, notice of change or decline allows next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.payments import NextStepFound

STEP_RECORDS = (NextStepFound,)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStepRow:
    """What a code allows next, each time it was said; the latest of a payment and kind counts."""

    paytrace_transaction_id: str
    code_kind: Word
    code: Annotated[Word, "empty where none was said"]
    code_class: Annotated[Word, "what it counts as: unauthorised, administrative; never, fraud, hard, soft"]
    meaning: str
    next_step: Word
    correct: Annotated[Word, "which data must be corrected, never the data"]
    correct_by_on: date | None
    again_on: Annotated[date | None, "first day of the next try"]
    most_entries: Annotated[Number | None, "entries in all"]
    entries_days: Number | None
    stops_charges: int
    vault_customer_id: str
    amount_minor: int
    currency: Word
    noticed_on: date
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[NextStepRow, ...]:
    """Return one row for each."""
    return (
        NextStepRow(
            paytrace_transaction_id=record.paytrace_transaction_id,
            code_kind=record.code_kind.value,
            code=record.code,
            code_class=record.code_class,
            meaning=record.meaning,
            next_step=record.next_step.value,
            correct=record.correct or "",
            correct_by_on=record.correct_by_on,
            again_on=record.again_on,
            most_entries=record.most_entries,
            entries_days=record.entries_days,
            stops_charges=int(record.stops_charges),
            vault_customer_id=record.vault_customer_id or "",
            amount_minor=record.amount_minor or 0,
            currency=record.currency or "",
            noticed_on=record.noticed_on,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_next_steps",
    row=NextStepRow,
    order_by=("paytrace_transaction_id",),
    reads=STEP_RECORDS,
    project=project,
)
