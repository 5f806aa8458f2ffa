"""Records of the approvals context: commands that count once a second person has approved them.

Field for field like schemas/avro/approvals/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeCommand:
    """Operator command: let another person approve this command before it counts. Key: proposal_id."""

    proposal_id: str
    target_inbox: str
    command_type: str
    command: str
    summary: str
    amount_minor: int | None = None
    currency: str | None = None
    decided_by: str
    authenticated_by: str
    reason: str
    expires_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveProposal:
    """Operator command: carry out what another person proposed. Key: proposal_id."""

    command_id: str
    proposal_id: str
    decided_by: str
    authenticated_by: str
    reason: str
    approved_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectProposal:
    """Operator command: don't carry out what another person proposed. Key: proposal_id."""

    command_id: str
    proposal_id: str
    decided_by: str
    authenticated_by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandProposed:
    """A command waits for another person's approval."""

    proposal_id: str
    target_inbox: str
    command_type: str
    command: str
    summary: str
    amount_minor: int | None = None
    currency: str | None = None
    proposed_by: str
    authenticated_by: str
    reason: str
    expires_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalApproved:
    """Another person approved a proposal: its command goes to its inbox, once, with both names."""

    command_id: str
    proposal_id: str
    target_inbox: str
    command_type: str
    command: str
    proposed_by: str
    approved_by: str
    authenticated_by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRejected:
    """Another person rejected a proposal; nothing of it is carried out."""

    command_id: str
    proposal_id: str
    proposed_by: str
    rejected_by: str
    authenticated_by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalExpired:
    """Nobody approved a proposal in time; stated by the first command that came too late."""

    proposal_id: str
    expires_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRefused:
    """A proposal, an approval or a rejection was not accepted; nothing else happened."""

    command_id: str
    proposal_id: str
    decided_by: str
    authenticated_by: str
    reason: str
    refused_because: str
    occurred_at: datetime
