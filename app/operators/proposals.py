"""Which proposals there are and what became of them, read from their journal. For `saldo approvals`.

The journal itself is asked, not the tables: whoever approves must see what the agent will release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from schemas.records.approvals import CommandProposed, ProposalApproved, ProposalExpired, ProposalRejected
from schemas.topic import Topic
from schemas.wire.codec import Codec, from_json
from streams.log.once import each_once
from streams.log.ports import Log

JOURNAL = Topic.APPROVALS_EVENTS


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal and what ended it; None while it is open."""

    proposed: CommandProposed
    ended: ProposalApproved | ProposalRejected | ProposalExpired | None = None

    def status(self, now: datetime) -> str:
        """Return what became of it, in words; one that is too old to be approved counts as expired."""
        match self.ended:
            case ProposalApproved():
                return f"approved by {self.ended.approved_by}: {self.ended.reason}"
            case ProposalRejected():
                return f"rejected by {self.ended.rejected_by}: {self.ended.reason}"
            case ProposalExpired():
                return "expired"
            case None:
                return "open" if now < self.proposed.expires_at else "expired"

    def is_open(self, now: datetime) -> bool:
        """Return whether another person may still approve it."""
        return self.status(now) == "open"

    @property
    def command(self) -> Any:
        """The command that it holds."""
        return from_json(self.proposed.command_type, json.loads(self.proposed.command))

    def as_json(self, now: datetime) -> Mapping[str, Any]:
        """JSON-ready fields."""
        one = self.proposed
        return {
            "proposal_id": one.proposal_id,
            "status": self.status(now),
            "summary": one.summary,
            "command_type": one.command_type,
            "target_inbox": one.target_inbox,
            "command": json.loads(one.command),
            "amount_minor": one.amount_minor,
            "currency": one.currency,
            "proposed_by": one.proposed_by,
            "authenticated_by": one.authenticated_by,
            "reason": one.reason,
            "proposed_at": one.occurred_at.isoformat(),
            "expires_at": one.expires_at.isoformat(),
        }


async def all_proposals(log: Log, codec: Codec) -> list[Proposal]:
    """Return every proposal, oldest first."""
    found: dict[str, Proposal] = {}
    for partition in range(log.partition_count(JOURNAL)):
        async for record in each_once(log, JOURNAL, partition):
            _take(found, codec.decode_as_written(record.value))
    return sorted(found.values(), key=lambda one: one.proposed.occurred_at)


def _take(found: dict[str, Proposal], event: Any) -> None:
    match event:
        case CommandProposed():
            found[event.proposal_id] = Proposal(event)
        case ProposalApproved() | ProposalRejected() | ProposalExpired() if event.proposal_id in found:
            found[event.proposal_id] = replace(found[event.proposal_id], ended=event)
