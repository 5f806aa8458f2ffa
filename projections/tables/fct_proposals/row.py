"""fct_proposals: what waits or waited for a second person, and what that person said."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.approvals import CommandProposed, ProposalApproved, ProposalExpired, ProposalRejected

PROPOSAL_EVENTS = (CommandProposed, ProposalApproved, ProposalRejected, ProposalExpired)


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each event of a proposal."""
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
        {
            "record_type": type(record).__name__,
            "proposal_id": record.proposal_id,
            "command_type": getattr(record, "command_type", ""),
            "summary": getattr(record, "summary", ""),
            "amount_minor": getattr(record, "amount_minor", None) or 0,
            "currency": getattr(record, "currency", None) or "",
            "person": person,
            "reason": getattr(record, "reason", ""),
            "expires_at": getattr(record, "expires_at", record.occurred_at),
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_proposals",
    own_columns=(
        "record_type",
        "proposal_id",
        "command_type",
        "summary",
        "amount_minor",
        "currency",
        "person",
        "reason",
        "expires_at",
        "occurred_at",
    ),
    reads=PROPOSAL_EVENTS,
    project=project,
)
