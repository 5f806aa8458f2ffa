"""fct_case_notes: who looks after money that waits, and what people said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.cases import CaseAssigned, CaseCommented


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNoteRow:
    """Who looks after money that waits, and what people said of it."""

    record_type: Word
    case_name: Annotated[str, "<place>/<posting reference or transaction id>"]
    assignee: Annotated[str, "who looks after it since then; empty for nobody, and of a comment"]
    decided_by: str
    reason: Annotated[str, "of a comment, the comment"]
    occurred_at: datetime


def project(record: Any, _at: Coordinates) -> tuple[CaseNoteRow, ...]:
    """Return one row for each assignment and comment."""
    return (
        CaseNoteRow(
            record_type=type(record).__name__,
            case_name=record.case_name,
            assignee=record.assignee if isinstance(record, CaseAssigned) else "",
            decided_by=record.decided_by,
            reason=record.reason,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_case_notes",
    row=CaseNoteRow,
    order_by=("case_name",),
    reads=(CaseAssigned, CaseCommented),
    project=project,
)
