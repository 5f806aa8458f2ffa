"""Four eyes: a command of one person counts once another person has approved it. Rules of agent `hold-approvals`.

Which commands need it is the policy's business (app/access/access.yaml). Here a proposal is held, and approved or
rejected once, by another person who has logged in, before it expires; then its command goes to its own inbox with both
names. Pure: whether a proposal has expired follows from the instant of the command that comes too late.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias, assert_never

from schemas import catalog
from schemas.checks.attribution import why_not_attributed
from schemas.checks.plausibility import refuse_implausible
from schemas.failures import Unreadable
from schemas.operator_commands import amount_of, instant_field, operator_commands, person_field, same_person
from schemas.records import Record
from schemas.records.approvals import (
    ApprovalRefused,
    ApproveProposal,
    AskForApproval,
    CommandProposed,
    ProposalApproved,
    ProposalExpired,
    ProposalRejected,
    ProposeCommand,
    RejectProposal,
)
from schemas.records.by_topic import ApprovalsEvents, ApprovalsInbox
from schemas.records.gateway import PaymentRequestNotReleased, ReleasePaymentRequest
from schemas.topic import Topic
from schemas.values.replacing import replace
from schemas.wire.codec import from_json, to_json
from streams.domain.output import Output

Event: TypeAlias = ApprovalsEvents
AGENT = "hold-approvals"
# How somebody who has logged in is authenticated (app/access/actor.py).
SESSION = "session"


@dataclass(frozen=True, slots=True)
class State:
    """One proposal. ended_by says in words what became of it; empty while it is open."""

    proposal: CommandProposed | None = None
    ended_by: str = ""
    command_ids: frozenset[str] = field(default_factory=frozenset)


INITIAL = State()


def decide(state: State, record: ApprovalsInbox) -> tuple[Event, ...]:
    """Return what follows from a proposal, an approval or a rejection; () for one that was here.

    Ensures: of one proposal at most one ProposalApproved ever, never by its proposer, never from expires_at on.
    Raises:  Unreadable for a proposal that holds no operator command of its inbox.
    """
    match record:
        case ProposeCommand() | AskForApproval():
            return _proposed(state, record)
        case ApproveProposal() | RejectProposal():
            return _answered(state, record)
        case _:
            assert_never(record)


def evolve(state: State, event: ApprovalsEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case CommandProposed():
            return replace(state, proposal=event)
        case ProposalApproved():
            ended = replace(state, ended_by=f"{event.approved_by} approved it at {_shown(event.occurred_at)}")
        case ProposalRejected():
            ended = replace(state, ended_by=f"{event.rejected_by} rejected it at {_shown(event.occurred_at)}")
        case ProposalExpired():
            return replace(state, ended_by=f"it expired at {_shown(event.expires_at)}")
        case ApprovalRefused():
            ended = state
        case _:
            assert_never(event)
    return replace(ended, command_ids=state.command_ids | {event.command_id})


def route(state: State, event: ApprovalsEvents) -> tuple[Output, ...]:
    """Return an approved command, for its own inbox; a payment request that nobody approves learns of it."""
    if isinstance(event, ProposalRejected | ProposalExpired):
        return _not_released(state, event)
    if not isinstance(event, ProposalApproved):
        return ()
    return (Output(Topic(event.target_inbox), from_json(event.command_type, json.loads(event.command))),)


def _not_released(state: State, event: ProposalRejected | ProposalExpired) -> tuple[Output, ...]:
    proposal = state.proposal
    if proposal is None or proposal.command_type != ReleasePaymentRequest.__name__:
        return ()
    why = "nobody approved it in time"
    if isinstance(event, ProposalRejected):
        why = f"{event.rejected_by} rejected it: {event.reason}"
    refused = PaymentRequestNotReleased(
        payment_request_id=str(json.loads(proposal.command)["payment_request_id"]),
        message=why,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.GATEWAY_INBOX, refused),)


def _proposed(state: State, asked: ProposeCommand | AskForApproval) -> tuple[Event, ...]:
    held = _command_of(asked)
    proposal = CommandProposed(
        proposal_id=asked.proposal_id,
        target_inbox=asked.target_inbox,
        command_type=asked.command_type,
        command=asked.command,
        summary=asked.summary,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        proposed_by=asked.decided_by,
        authenticated_by=asked.authenticated_by,
        reason=asked.reason,
        expires_at=asked.expires_at,
        occurred_at=asked.occurred_at,
    )
    if state.proposal == proposal or asked.proposal_id in state.command_ids:
        return ()
    refused = why_not_attributed(asked.decided_by, asked.reason)
    if not refused and getattr(held, person_field(asked.command_type)) != asked.decided_by:
        refused = f"the command is of another person than {asked.decided_by}, who proposes it"
    if not refused and asked.expires_at <= asked.occurred_at:
        refused = f"it expires at {_shown(asked.expires_at)}, before it is proposed"
    if not refused and state.proposal is not None:
        refused = f"{asked.proposal_id} is another proposal; propose this command once more"
    if not refused and amount_of(held) != _shown_amount(asked):
        refused = "it shows another amount than its command has, and who approves it goes by what is shown"
    return (_refused(asked.proposal_id, asked, refused),) if refused else (proposal,)


def _answered(state: State, command: ApproveProposal | RejectProposal) -> tuple[Event, ...]:
    if command.command_id in state.command_ids:
        return ()
    proposal = state.proposal
    missing = why_not_attributed(command.decided_by, command.reason)
    if missing:
        return (_refused(command.command_id, command, missing),)
    if proposal is None:
        return (_refused(command.command_id, command, f"there is no proposal {command.proposal_id}"),)
    if not state.ended_by and command.occurred_at >= proposal.expires_at:
        late = f"it expired at {_shown(proposal.expires_at)}; propose it again"
        expired = ProposalExpired(
            proposal_id=proposal.proposal_id, expires_at=proposal.expires_at, occurred_at=command.occurred_at
        )
        return (_refused(command.command_id, command, late), expired)
    if against := _against(state, proposal, command):
        return (_refused(command.command_id, command, against),)
    if isinstance(command, RejectProposal):
        rejected = ProposalRejected(
            command_id=command.command_id,
            proposal_id=proposal.proposal_id,
            proposed_by=proposal.proposed_by,
            rejected_by=command.decided_by,
            authenticated_by=command.authenticated_by,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
        return (rejected,)
    approved = ProposalApproved(
        command_id=command.command_id,
        proposal_id=proposal.proposal_id,
        target_inbox=proposal.target_inbox,
        command_type=proposal.command_type,
        command=json.dumps(to_json(released(proposal, command)), ensure_ascii=False),
        proposed_by=proposal.proposed_by,
        approved_by=command.decided_by,
        authenticated_by=command.authenticated_by,
        reason=command.reason,
        occurred_at=command.occurred_at,
    )
    return (approved,)


def _against(state: State, proposal: CommandProposed, command: ApproveProposal | RejectProposal) -> str:
    """Return why this person can't decide about this proposal now; empty if nothing stands against it."""
    if state.ended_by:
        return f"{state.ended_by} already"
    if same_person(command.decided_by, proposal.proposed_by):
        return f"{proposal.proposed_by} proposed it; another approver decides"
    if command.authenticated_by != SESSION:
        return f"only a person who has logged in decides about a proposal; {command.decided_by} has not (`saldo login`)"
    return ""


def released(proposal: CommandProposed | ProposeCommand, approval: ApproveProposal) -> Record:
    """Return the command as it goes on: with both names, as of the approval, since it counts from then on."""
    held = from_json(proposal.command_type, json.loads(proposal.command))
    changed: dict[str, Any] = {
        "approved_by": approval.decided_by,
        instant_field(proposal.command_type): approval.occurred_at,
    }
    if hasattr(held, "decided_on"):
        changed["decided_on"] = approval.approved_on
    return replace(held, **changed)


def _shown_amount(asked: ProposeCommand | AskForApproval) -> tuple[int, str] | None:
    return None if asked.amount_minor is None or not asked.currency else (asked.amount_minor, asked.currency)


def _command_of(asked: ProposeCommand | AskForApproval) -> Record:
    """Return the command that a proposal holds.

    Raises: Unreadable when it is none, or none that this agent may write to that inbox.
    """
    try:
        held = json.loads(asked.command)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"proposal {asked.proposal_id} holds no JSON: {error}") from None
    try:
        if asked.target_inbox not in operator_commands().get(asked.command_type, ()):
            raise Unreadable(f"{asked.command_type} is no operator command of {asked.target_inbox}")
        spec = catalog.topic(asked.target_inbox)
        if AGENT not in spec.producers:
            raise Unreadable(f"{AGENT} does not write to {asked.target_inbox}; see schemas/topics")
        if not isinstance(held, dict):
            raise Unreadable(f"{asked.command_type} must be an object, got {type(held).__name__}")
        command = from_json(asked.command_type, held)
        refuse_implausible(command)
        spec.key_of(command)
    except Unreadable as error:
        raise Unreadable(f"proposal {asked.proposal_id} can't be held: {error}") from None
    if getattr(command, "approved_by", "") is not None:
        raise Unreadable(f"proposal {asked.proposal_id} says of itself who approves it")
    return command


def _refused(
    command_id: str, command: ProposeCommand | AskForApproval | ApproveProposal | RejectProposal, why: str
) -> ApprovalRefused:
    return ApprovalRefused(
        command_id=command_id,
        proposal_id=command.proposal_id,
        decided_by=command.decided_by,
        authenticated_by=command.authenticated_by,
        reason=command.reason,
        refused_because=why,
        occurred_at=command.occurred_at,
    )


def _shown(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
