"""fct_decisions: what people decided, who, when and why; carried out or refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.receivables import DecisionRefused, DecisionTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """What people decided about waiting and matched money, carried out or refused."""

    command_id: str
    outcome: Word
    decision: Word
    abas_customer_id: str
    posting_reference: str
    abas_open_item_ids: tuple[str, ...]
    decided_by: Word
    authenticated_by: Word
    approved_by: Word
    reason: str
    refused_because: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[DecisionRow, ...]:
    """Return one row for each command of a person."""
    return (
        DecisionRow(
            command_id=record.command_id,
            outcome="TAKEN" if isinstance(record, DecisionTaken) else "REFUSED",
            decision=record.decision.value,
            abas_customer_id=record.abas_customer_id,
            posting_reference=record.posting_reference,
            abas_open_item_ids=record.abas_open_item_ids,
            decided_by=record.decided_by,
            authenticated_by=record.authenticated_by,
            approved_by=record.approved_by or "",
            reason=record.reason,
            refused_because=record.refused_because if isinstance(record, DecisionRefused) else "",
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_decisions",
    row=DecisionRow,
    order_by=("command_id",),
    reads=(DecisionTaken, DecisionRefused),
    project=project,
)
