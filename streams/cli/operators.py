"""What every operator command has in common: who and why, a group of commands, and the answer.

For `saldo decide`, `saldo deposits` and `saldo dlq`. A command is written to an inbox and kept for ever, so none is
written without a name and a reason; empty and placeholder words are neither (schemas/attribution.py).
"""

from __future__ import annotations

import asyncio
import getpass
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.connection import connect
from streams.terminal import say

if TYPE_CHECKING:
    from streams.decisions import Answer

REFUSED, UNANSWERED = 1, 4
WAIT_S = 30.0


def _reason(why: str) -> str:
    from schemas.attribution import reason_problem

    return _said("--why", why, reason_problem(why))


def _name(by: str | None) -> str | None:
    from schemas.attribution import name_problem

    return by if by is None else _said("--by", by, name_problem(by))


def _said(option: str, text: str, problem: str) -> str:
    """The text itself. Raises: CannotRun when it says nothing."""
    from streams.cli.errors import CannotRun

    if problem:
        raise CannotRun(f"{option} {problem}")
    return text


WhyOption = Annotated[str, typer.Option("--why", callback=_reason, help="Why, in words; it is kept for ever.")]
ByOption = Annotated[
    str | None, typer.Option("--by", callback=_name, help="Who decides; default is the user of this terminal.")
]
WaitOption = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the answer; 0 does not wait.")]


def add_group(app: typer.Typer, name: str, about: str, commands: Mapping[str, Callable[..., None]]) -> None:
    """Hang a group of commands below the root."""
    group = typer.Typer(help=about, no_args_is_help=True)
    for command_name, command in commands.items():
        group.command(command_name)(command)
    app.add_typer(group, name=name)


def person(by: str | None) -> str:
    """Who decides.

    Raises: CannotRun when that names nobody.
    """
    from schemas.attribution import name_problem

    who = getpass.getuser() if by is None else by
    return _said("--by", who, name_problem(who))


def ask(
    inbox: str, word: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None = None
) -> Answer:
    """Write a word and wait for what the journal says of it.

    Raises: typer.Exit with UNANSWERED when nothing is said in time; with 0 when nobody wanted to wait.
    """
    from streams import decisions

    async def work() -> decisions.Answer:
        connection = connect(bootstrap_servers, schema_registry_url)
        with connection.codec() as codec:
            async with decisions.opened(connection.kafka, codec, signer=connection.signer()) as desk:
                return await desk.ask(inbox, word, wait_s=wait_s)

    answer = asyncio.run(work())
    if answer.is_decided:
        return answer
    say(f"written as {inbox} {answer.partition} {answer.offset}; not answered yet", err=True)
    for event in answer.events:
        say(f"    {type(event).__name__}: {getattr(event, 'message', '')}", err=True)
    raise typer.Exit(UNANSWERED if wait_s else 0)


def attributed(by: str | None, why: str) -> dict[str, Any]:
    """The fields of a new decision that say who, when and why.

    Raises: CannotRun when nobody is named.
    """
    return {
        "command_id": uuid.uuid4().hex,
        "decided_by": person(by),
        "reason": why,
        "occurred_at": datetime.now(UTC),
    }


def decide(
    inbox: str,
    command: Any,
    in_words: Callable[[Any], str],
    wait_s: float,
    bootstrap_servers: str | None,
    schema_registry_url: str | None,
) -> None:
    """Write a decision and show what follows from it, each event in words; those without words are only bookkeeping.

    Raises: typer.Exit with REFUSED when something stands against it, and as ask.
    """
    from schemas.records.receivables import DecisionRefused

    decision, *events = ask(inbox, command, wait_s, bootstrap_servers, schema_registry_url).events
    if isinstance(decision, DecisionRefused):
        raise refuse(decision.refused_because)
    say(f"done, by {decision.decided_by}: {decision.reason}")
    for line in filter(None, map(in_words, events)):
        say(f"    {line}")


def refuse(why_not: str) -> typer.Exit:
    """Say why a word was not carried out; raise what this returns."""
    say(f"refused: {why_not}")
    return typer.Exit(REFUSED)
