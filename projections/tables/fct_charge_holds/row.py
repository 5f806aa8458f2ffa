"""fct_charge_holds: whose charges are refused because of a code, and who let them go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.gateway import ChargesHeld, ChargesReleased

HOLD_RECORDS = (ChargesHeld, ChargesReleased)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeHoldRow:
    """Each hold of charges by a code, and each release by a person."""

    record_type: Word
    vault_customer_id: str
    paytrace_transaction_id: Annotated[str, "payment that the code is of; empty of a release"]
    code_kind: Word
    code: Word
    meaning: str
    is_held: int
    most_entries: Annotated[Number | None, "entries of this amount in all; null refuses every charge"]
    noticed_on: date | None
    decided_by: Word
    reason: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[ChargeHoldRow, ...]:
    """Return one row for each."""
    return (_row(record),)


def _row(record: ChargesHeld | ChargesReleased) -> ChargeHoldRow:
    if isinstance(record, ChargesReleased):
        return ChargeHoldRow(
            record_type="ChargesReleased",
            vault_customer_id=record.vault_customer_id,
            paytrace_transaction_id="",
            code_kind="",
            code="",
            meaning="",
            is_held=0,
            most_entries=None,
            noticed_on=None,
            decided_by=record.decided_by,
            reason=record.reason,
            occurred_at=record.occurred_at,
        )
    return ChargeHoldRow(
        record_type="ChargesHeld",
        vault_customer_id=record.vault_customer_id,
        paytrace_transaction_id=record.paytrace_transaction_id,
        code_kind=record.code_kind.value,
        code=record.code,
        meaning=record.meaning,
        is_held=int(record.is_held),
        most_entries=record.most_entries,
        noticed_on=record.noticed_on,
        decided_by="",
        reason="",
        occurred_at=record.occurred_at,
    )


TABLE = FactTable(
    name="fct_charge_holds",
    row=ChargeHoldRow,
    order_by=("vault_customer_id",),
    reads=HOLD_RECORDS,
    project=project,
)
