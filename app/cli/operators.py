"""What every operator command has in common: who and why, a group of commands, four eyes, and the answer.

For `saldo decide`, `saldo deposits`, `saldo dlq` and `saldo approvals`. A command is written to an inbox and kept for
ever, so none is written but by an authenticated person who may give it (app/access), with a reason; empty and
placeholder words are none (schemas/checks/attribution.py).
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import identity
from app.cli.connection import connect
from app.output.terminal import say
from schemas.topic import Topic

if TYPE_CHECKING:
    from app.api.commands import Given
    from app.operators.decisions import Answer, CommandClient, Place
    from schemas.records.approvals import ProposeCommand
    from schemas.wire.codec import Codec
    from streams.log.ports import Log

REFUSED, UNANSWERED = 1, 4
# It is done, and a shell is shown that there is more to read: rows were left out, documents would differ.
WITH_REMARKS = 3
WAIT_S = 30.0


@dataclass(slots=True)
class Notes:
    """What a command wrote and what came of it, for whoever runs it for another person."""

    records: list[Given] = field(default_factory=list)
    proposal_id: str | None = None
    # Called before a command is written: inbox, command, where to look for it.
    before: Callable[[str, Any, Place], None] | None = None


_NOTES: ContextVar[Notes | None] = ContextVar("notes", default=None)


@contextmanager
def noted(before: Callable[[str, Any, Place], None] | None = None) -> Iterator[Notes]:
    """Note what the commands of this context write, and call `before` before each is written."""
    notes = Notes(before=before)
    outer = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(outer)


def _reason(why: str) -> str:
    from schemas.checks.attribution import reason_problem

    return _said("--why", why, reason_problem(why))


def _said(option: str, text: str, problem: str) -> str:
    """Return the text itself. Raises: CannotRun when it says nothing."""
    from app.cli.errors import CannotRun

    if problem:
        raise CannotRun(f"{option} {problem}")
    return text


WhyOption = Annotated[str, typer.Option("--why", callback=_reason, help="Why, in words; it is kept for ever.")]
WaitOption = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the answer; 0 does not wait.")]


def add_group(app: typer.Typer, name: str, about: str, commands: Mapping[str, Callable[..., None]]) -> None:
    """Hang a group of commands below the root."""
    group = typer.Typer(help=about, no_args_is_help=True)
    for command_name, command in commands.items():
        group.command(command_name)(command)
    app.add_typer(group, name=name)


def attributed(command_type: str, why: str) -> dict[str, Any]:
    """Return the fields of a new decision that say who, how that is known, when and why.

    Raises: LoginNeeded when nobody is authenticated.
    """
    return {
        "command_id": uuid.uuid4().hex,
        **identity.actor().fields_for(command_type),
        "reason": why,
        "occurred_at": datetime.now(UTC),
    }


def ask(
    inbox: str,
    command: Any,
    wait_s: float,
    bootstrap_servers: str | None,
    schema_registry_url: str | None = None,
    *,
    besides_minor: int = 0,
) -> Answer | None:
    """Give a command and wait for what the journal says of it; None when it waits for another person's approval.

    Units:  besides_minor is what counts together with the command's amount where the policy bounds it.
    Raises: AccessDenied when its person may not give it; typer.Exit with UNANSWERED when nothing is said in time, with
            0 when nobody wanted to wait.
    """
    proposal = admitted(inbox, command, besides_minor)
    if proposal is not None:
        propose(proposal, wait_s, bootstrap_servers, schema_registry_url)
        return None
    return _answered(inbox, command, wait_s, bootstrap_servers, schema_registry_url)


def carry_out(
    inbox: str,
    command: Any,
    wait_s: float,
    bootstrap_servers: str | None,
    schema_registry_url: str | None = None,
    *,
    in_words: Callable[[Any], str] = lambda _event: "",
) -> Answer | None:
    """Give a command and say what came of it: that it is done, and a line for each event that in_words has one for.

    Shapes: None when it waits for another person's approval.
    Raises: typer.Exit with REFUSED where the journal refuses it, and as ask.
    """
    answer = ask(inbox, command, wait_s, bootstrap_servers, schema_registry_url)
    if answer is None:
        return None
    if why_not := getattr(answer.events[0], "refused_because", ""):
        raise refuse(why_not)
    say_done(command)
    for line in filter(None, map(in_words, answer.events)):
        say(f"    {line}")
    return answer


def admitted(inbox: str, command: Any, besides_minor: int = 0) -> ProposeCommand | None:
    """Return None if this command may be written as it is; what is to be written instead where it needs four eyes.

    Raises: AccessDenied when its person may not give it; LoginNeeded.
    """
    access = identity.access()
    if not access.must_be_approved(identity.actor(), command, besides_minor):
        return None
    return proposal_of(inbox, command)


def proposal_of(inbox: str, command: Any) -> ProposeCommand:
    """Return what proposes a command to another person, whether it needs one or not."""
    from schemas.operator_commands import amount_of
    from schemas.records.approvals import ProposeCommand
    from schemas.wire.codec import to_json

    access, actor, now = identity.access(), identity.actor(), datetime.now(UTC)
    name, amount = type(command).__name__, amount_of(command)
    return ProposeCommand(
        proposal_id=f"P{secrets.token_hex(5).upper()}",
        target_inbox=inbox,
        command_type=name,
        command=json.dumps(to_json(command), ensure_ascii=False),
        summary=_summary(access.policy.rule(name).means, command),
        amount_minor=amount[0] if amount else None,
        currency=amount[1] if amount else None,
        **actor.fields_for("ProposeCommand"),
        reason=command.reason,
        expires_at=now + timedelta(seconds=access.policy.proposal_expires_after_s),
        occurred_at=now,
    )


def propose(
    proposal: ProposeCommand, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None = None
) -> None:
    """Write a proposal and say who goes on with it.

    Raises: typer.Exit with REFUSED when it is not taken, and as ask.
    """
    from schemas.records.approvals import ApprovalRefused

    held, *_ = _answered(Topic.APPROVALS_INBOX, proposal, wait_s, bootstrap_servers, schema_registry_url).events
    if isinstance(held, ApprovalRefused):
        raise refuse(held.refused_because)
    if (notes := _NOTES.get()) is not None:
        notes.proposal_id = proposal.proposal_id
    until = f"{proposal.expires_at:%Y-%m-%d %H:%M} UTC"
    say(f"proposed as {proposal.proposal_id}; another approver decides, until {until}: {proposal.summary}")
    say(f"    saldo approvals approve {proposal.proposal_id} --why ...")


def _summary(means: str, command: Any) -> str:
    """Return a command in words, for whoever approves it: what, how much, and what it names."""
    from schemas.operator_commands import amount_of, states_amount
    from schemas.values.money import Money

    amount = amount_of(command)
    named = (
        "posting_reference",
        "payment_id",
        "abas_open_item_id",
        "abas_customer_id",
        "bank_line_id",
        "rules_name",
        "version",
    )
    words = [
        f"{name.removesuffix('_id').replace('_', ' ')} {getattr(command, name)}"
        for name in named
        if hasattr(command, name)
    ]
    how_much = str(Money(*amount)) if amount else "all that is left" if states_amount(type(command).__name__) else ""
    return ", ".join([f"{means}: {how_much}" if how_much else means, *words])


def _answered(
    inbox: str, command: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None
) -> Answer:
    notes = _NOTES.get()
    before = None if notes is None else notes.before

    async def ask_it(client: CommandClient) -> Answer:
        note = None if before is None else partial(before, inbox, command)
        return await client.ask(inbox, command, wait_s=wait_s, note=note)

    answer: Answer = with_client(ask_it, bootstrap_servers, schema_registry_url)
    if notes is not None:
        notes.records.append(given_record(inbox, command, answer))
    if answer.is_decided:
        return answer
    place = f"{inbox} {answer.partition} {answer.offset}"
    say(f"written as {place}; not answered yet; `saldo status` shows whether its agent works", err=True)
    for event in answer.events:
        say(f"    {type(event).__name__}: {getattr(event, 'message', '')}", err=True)
    raise typer.Exit(UNANSWERED if wait_s else 0)


def with_client(
    work: Callable[[CommandClient], Coroutine[Any, Any, Any]],
    bootstrap_servers: str | None = None,
    schema_registry_url: str | None = None,
) -> Any:
    """Do some work with a client that gives commands, from a function that waits for it; returns what the work does.

    Raises: what the work raises; ContractBroken as connect.
    """
    import asyncio

    from app.operators import decisions

    async def run() -> Any:
        connection = connect(bootstrap_servers, schema_registry_url)
        with connection.codec() as codec:
            async with decisions.opened(connection.kafka, codec, signer=connection.signer()) as client:
                return await work(client)

    return asyncio.run(run())


def given_record(inbox: str, command: Any, answer: Answer) -> Given:
    """Return a command that was written, and its answer, as they are shown elsewhere."""
    from app.api.commands import Given
    from schemas.wire.codec import to_json

    events = tuple({"type": type(event).__name__, **to_json(event)} for event in answer.events)
    return Given(type(command).__name__, inbox, answer.partition, answer.offset, events)


def on_the_log(
    work: Callable[[Log, Codec], Coroutine[Any, Any, Any]],
    bootstrap_servers: str | None,
    schema_registry_url: str | None = None,
) -> Any:
    """Do some work on the log from a command that waits for it; returns what the work returns.

    Raises: what the work raises; ContractBroken as connect.
    """
    import asyncio

    from streams.log import kafka

    async def run() -> Any:
        connection = connect(bootstrap_servers, schema_registry_url)
        async with kafka.opened(connection.kafka) as log:
            with connection.codec() as codec:
                return await work(log, codec)

    return asyncio.run(run())


def decide(
    inbox: str,
    command: Any,
    in_words: Callable[[Any], str],
    wait_s: float,
    bootstrap_servers: str | None,
    schema_registry_url: str | None,
    *,
    besides_minor: int = 0,
) -> None:
    """Write a decision and show what follows from it, each event in words; those without words are only bookkeeping.

    Raises: typer.Exit with REFUSED when something stands against it, and as ask.
    """
    from schemas.records.receivables import DecisionRefused

    answer = ask(inbox, command, wait_s, bootstrap_servers, schema_registry_url, besides_minor=besides_minor)
    if answer is None:
        return
    decision, *events = answer.events
    if isinstance(decision, DecisionRefused):
        raise refuse(decision.refused_because)
    say_done(command)
    for line in filter(None, map(in_words, events)):
        say(f"    {line}")


def say_done(command: Any) -> None:
    """Say that a command was carried out, who gave it, and how that person is known."""
    from app.access.actor import How, in_words
    from schemas.operator_commands import person_field

    who, how = getattr(command, person_field(type(command).__name__)), How(command.authenticated_by)
    say(f"done, by {in_words(who, how)}: {command.reason}")


def refuse(why_not: str) -> typer.Exit:
    """Say why a word was not carried out; raise what this returns."""
    say(f"refused: {why_not}")
    return typer.Exit(REFUSED)
