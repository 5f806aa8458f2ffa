"""`saldo approvals`: commands that wait for a second person: list them, look into one, approve or reject it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import identity, operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.output.terminal import say, say_json
from schemas.topic import Topic

if TYPE_CHECKING:
    from app.operators.proposals import Proposal

ProposalArgument = Annotated[str, typer.Argument(help="The proposal, as `saldo approvals list` shows it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def register(app: typer.Typer) -> None:
    """Hang `approvals list|show|approve|reject` below the root."""
    operators.add_group(
        app,
        "approvals",
        "Commands that need a second person.",
        {"list": list_proposals, "show": show, "approve": approve, "reject": reject},
    )


@needs("read")
def list_proposals(
    every: Annotated[bool, typer.Option("--all", help="Also those that were decided or have expired.")] = False,
    as_json: JsonOption = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """List what waits for another person's approval, oldest first."""
    now = datetime.now(UTC)
    found = [one for one in _proposals(bootstrap_servers) if every or one.is_open(now)]
    if not found and not as_json:
        say("nothing waits for approval")
    for one in found:
        if as_json:
            say_json(one.as_json(now))
        else:
            say(*_lines(one, now))


@needs("read")
def show(proposal_id: ProposalArgument, bootstrap_servers: BootstrapServers = None) -> None:
    """Show one proposal with its whole command."""
    now = datetime.now(UTC)
    say_json(find(proposal_id, bootstrap_servers).as_json(now), indent=2)


@needs("ApproveProposal")
def approve(
    proposal_id: ProposalArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Approve what another person proposed.

    Its command goes on at once, with both names. Refused to the proposer, and once it has expired.
    """
    from app.settings.settings import load_settings
    from schemas.records.approvals import ApproveProposal, ProposalApproved
    from schemas.values.business_day import business_day

    found = find(proposal_id, bootstrap_servers)
    said = operators.attributed("ApproveProposal", why)
    command = ApproveProposal(
        **said,
        proposal_id=found.proposed.proposal_id,
        approved_on=business_day(said["occurred_at"], load_settings().paytrace.zone),
    )
    access = identity.access()
    access.check_approver(identity.actor(), command, found.command, found.proposed.proposed_by)
    start = operators.with_client(
        lambda client: client.journal_end(found.proposed.target_inbox, found.command),
        bootstrap_servers,
        schema_registry_url,
    )
    event = _ask(command, wait_s, bootstrap_servers, schema_registry_url)
    if isinstance(event, ProposalApproved):
        say(f"approved, by {event.approved_by}; proposed by {event.proposed_by}: {found.proposed.summary}")
        outcome = operators.with_client(
            lambda client: client.outcome_of(found.proposed.target_inbox, found.command, start=start, wait_s=wait_s),
            bootstrap_servers,
            schema_registry_url,
        )
        _say_outcome(found, outcome)


@needs("RejectProposal")
def reject(
    proposal_id: ProposalArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Reject what another person proposed.

    Nothing of it is carried out.
    """
    from schemas.records.approvals import ProposalRejected, RejectProposal

    found = find(proposal_id, bootstrap_servers)
    command = RejectProposal(**operators.attributed("RejectProposal", why), proposal_id=found.proposed.proposal_id)
    event = _ask(command, wait_s, bootstrap_servers, schema_registry_url)
    if isinstance(event, ProposalRejected):
        say(f"rejected, by {event.rejected_by}; proposed by {event.proposed_by}: {found.proposed.summary}")


def _ask(command: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> Any:
    """Return the journal's answer.

    Raises: typer.Exit with REFUSED when it is a refusal, and as operators.ask.
    """
    from schemas.records.approvals import ApprovalRefused

    answer = operators.ask(Topic.APPROVALS_INBOX, command, wait_s, bootstrap_servers, schema_registry_url)
    assert answer is not None, "the policy holds no approval back for another approval"
    if isinstance(answer.events[0], ApprovalRefused):
        raise operators.refuse(answer.events[0].refused_because)
    return answer.events[0]


def _say_outcome(found: Proposal, outcome: Any) -> None:
    """Say what the context of the released command made of it: it may still refuse."""
    from app.cli import rules
    from schemas.records.receivables import DecisionRefused, DecisionTaken
    from schemas.records.rules import RulesAccepted, RulesRefused

    match outcome:
        case RulesAccepted() | RulesRefused():
            rules.say_in_force(outcome)
        case DecisionRefused():
            raise operators.refuse(outcome.refused_because)
        case DecisionTaken():
            say(f"done, by {outcome.decided_by}, approved by {outcome.approved_by}: {outcome.reason}")
        case _:
            say(
                f"    its command is in {found.proposed.target_inbox} and not answered yet; `saldo explain`, "
                "`saldo waiting` or `saldo dlq list` show what comes of it"
            )


def _proposals(bootstrap_servers: str | None) -> list[Proposal]:
    from app.operators.proposals import all_proposals

    found: list[Proposal] = operators.on_the_log(all_proposals, bootstrap_servers)
    return found


def find(proposal_id: str, bootstrap_servers: str | None) -> Proposal:
    """Return a proposal; raises CannotRun when there is none of this id."""
    from app.cli.errors import CannotRun

    wanted = proposal_id.strip().upper()
    for one in _proposals(bootstrap_servers):
        if one.proposed.proposal_id == wanted:
            return one
    raise CannotRun(
        f"there is no proposal {wanted[:40]!a}; `saldo approvals list` shows what waits", field="proposal_id"
    )


def _lines(one: Proposal, now: datetime) -> list[str]:
    proposed = one.proposed
    status = one.status(now)
    if status == "open":
        status = f"open until {proposed.expires_at:%Y-%m-%d %H:%M} UTC"
    return [
        f"{proposed.proposal_id}  {proposed.summary}",
        f"    proposed by {proposed.proposed_by} at {proposed.occurred_at:%Y-%m-%d %H:%M} UTC: {proposed.reason}",
        f"    {status}",
    ]
