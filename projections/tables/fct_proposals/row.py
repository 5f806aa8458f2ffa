"""fct_proposals: what waits or waited for a second person, and what that person said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.approvals import CommandProposed, ProposalApproved, ProposalExpired, ProposalRejected

PROPOSAL_EVENTS = (CommandProposed, ProposalApproved, ProposalRejected, ProposalExpired)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRow:
    """Commands that need a second person, and what that person said."""

    record_type: Word
    proposal_id: str
    command_type: Word
    summary: str
    amount_minor: int
    currency: Word
    person: Word
    reason: str
    expires_at: datetime
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[ProposalRow, ...]:
    """Return one row for each event of a proposal."""
    match record:
        case CommandProposed():
            person = record.proposed_by
        case ProposalApproved():
            person = record.approved_by
        case ProposalRejected():
            person = record.rejected_by
        case ProposalExpired():
            person = ""
        case _:
            return ()
    return (
        ProposalRow(
            record_type=type(record).__name__,
            proposal_id=record.proposal_id,
            command_type=getattr(record, "command_type", ""),
            summary=getattr(record, "summary", ""),
            amount_minor=getattr(record, "amount_minor", None) or 0,
            currency=getattr(record, "currency", None) or "",
            person=person,
            reason=getattr(record, "reason", ""),
            expires_at=getattr(record, "expires_at", record.occurred_at),
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_proposals",
    row=ProposalRow,
    order_by=("proposal_id",),
    reads=PROPOSAL_EVENTS,
    project=project,
)
