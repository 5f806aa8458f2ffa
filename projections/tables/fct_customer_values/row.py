"""fct_customer_values: which value of a customer differs between both sides, whose stands, what was written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.customers import (
    CustomerSide,
    CustomerValueAgreed,
    CustomerValueDecided,
    CustomerValueDiffers,
    CustomerValuesAsked,
    CustomerValuesRefused,
    CustomerValuesTaken,
)

VALUE_RECORDS = (
    CustomerValueDiffers,
    CustomerValueAgreed,
    CustomerValuesAsked,
    CustomerValuesTaken,
    CustomerValuesRefused,
    CustomerValueDecided,
)
_NAMES = {CustomerSide.ERP: "abas", CustomerSide.GATEWAY: "paytrace"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerValueRow:
    """One step of one value: no value itself, which stays sealed where it is."""

    record_type: Word
    data_subject: Annotated[str, "vault customer, as sources name it: paytrace/<merchant>/<id>"]
    vault_customer_id: str
    field: Annotated[Word, "name, email, phone, billing or shipping"]
    stands: Annotated[Word, "whose value stands: abas or paytrace; empty where both agree"]
    why: Annotated[Word, "of a difference: never the same, other changed, both changed; of a refusal its code"]
    detail: Annotated[str, "what the other side said of a refusal"]
    is_waiting: Annotated[int, "1 where nothing is written before a person decides"]
    decided_by: Word
    reason: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[CustomerValueRow, ...]:
    """Return one row for each field of the record."""
    fields: tuple[str, ...] = ()
    stands, why, detail, is_waiting, decided_by, reason = "", "", "", 0, "", ""
    match record:
        case CustomerValueDiffers():
            fields, stands, why = (record.field,), _NAMES.get(record.owner, ""), record.why.value
            is_waiting = int(record.is_waiting)
        case CustomerValueAgreed():
            fields = (record.field,)
        case CustomerValueDecided():
            fields, stands = (record.field,), _NAMES.get(record.side, "")
            decided_by, reason = record.decided_by, record.reason
        case CustomerValuesRefused():
            fields, stands, why, detail = record.fields, _written_by(record.side), record.code, record.message
        case CustomerValuesAsked() | CustomerValuesTaken():
            fields, stands = record.fields, _written_by(record.side)
    return tuple(
        CustomerValueRow(
            record_type=type(record).__name__,
            data_subject=record.data_subject,
            vault_customer_id=record.vault_customer_id,
            field=field,
            stands=stands,
            why=why,
            detail=detail,
            is_waiting=is_waiting,
            decided_by=decided_by,
            reason=reason,
            occurred_at=record.occurred_at,
        )
        for field in fields
    )


def _written_by(side: CustomerSide) -> str:
    return _NAMES[CustomerSide.GATEWAY if side is CustomerSide.ERP else CustomerSide.ERP]


TABLE = FactTable(
    name="fct_customer_values",
    row=CustomerValueRow,
    order_by=("data_subject", "field"),
    reads=VALUE_RECORDS,
    project=project,
)
