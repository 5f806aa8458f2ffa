"""`saldo rules`: which rules are in force, since when and by whom, and adopting others."""

from __future__ import annotations

import difflib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import identity, operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.output.terminal import say
from schemas.topic import Topic
from schemas.values.counting import counted

if TYPE_CHECKING:
    from schemas.records.rules import AdoptRules, RulesAccepted, RulesRefused
    from schemas.wire.codec import Codec
    from streams.log.ports import Log
    from streams.rules.catalogue import RulesKind

NameArgument = Annotated[str, typer.Argument(help="Name of the rules, as `saldo rules show` lists them.")]


def register(app: typer.Typer) -> None:
    """Hang `rules adopt|show|history` below the root."""
    operators.add_group(
        app,
        "rules",
        "Rules that money is matched and written off by.",
        {"show": show, "history": history, "adopt": adopt},
    )


@needs("AdoptRules")
def adopt(
    name: NameArgument,
    why: WhyOption,
    file: Annotated[
        Path | None, typer.Argument(help="The rules. Default: the file of the settings, else those that ship.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and adopt nothing.")] = False,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Adopt rules.

    They count for every record that comes from now on. What was decided before stays as it was, also in a rebuild.
    The version must be above the one in force; a text that can't be used is refused with file, line and remedy.
    """
    from app.operators import rules
    from app.settings.settings import load_settings
    from streams.rules import adoption

    found = rules.file_of(name, load_settings().rules, file)
    before, command = prepared(found.kind, found.text, found.version, why, bootstrap_servers, schema_registry_url)
    say_difference(before, found.text)
    if dry_run:
        if problem := adoption.why_not(before, command):
            raise operators.refuse(problem)
        return
    give(command, wait_s, bootstrap_servers, schema_registry_url)


def prepared(
    kind: RulesKind,
    text: str,
    version: int,
    why: str,
    bootstrap_servers: str | None,
    schema_registry_url: str | None,
) -> tuple[RulesAccepted | None, AdoptRules]:
    """Return what is in force and the command that adopts this text in its place."""
    from app.operators import rules
    from schemas.records.rules import AdoptRules

    async def read(log: Log, codec: Codec) -> tuple[Any, Any]:
        return (await rules.in_force(log, codec)).get(kind.name), rules.partitions_of(kind, log)

    before, partitions = operators.on_the_log(read, bootstrap_servers, schema_registry_url)
    command = AdoptRules(
        rules_name=kind.name,
        version=version,
        text=text,
        partitions=partitions,
        command_id=uuid.uuid4().hex,
        **identity.actor().fields_for("AdoptRules"),
        reason=why,
        requested_at=datetime.now(UTC),
    )
    return before, command


def give(command: AdoptRules, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> None:
    """Give an adoption, or propose it where the access policy asks for four eyes; say what came of it.

    Raises: typer.Exit with REFUSED when it is refused, and as operators.ask.
    """
    answer = operators.ask(Topic.RULES_INBOX, command, wait_s, bootstrap_servers, schema_registry_url)
    if answer is None:
        return
    (event,) = answer.events
    say_in_force(event)
    operators.say_done(command)


def say_in_force(event: RulesAccepted | RulesRefused) -> None:
    """Say where adopted rules are in force; raises typer.Exit with REFUSED for those that were not adopted."""
    from schemas.records.rules import RulesRefused

    if isinstance(event, RulesRefused):
        raise operators.refuse(event.refusal)
    where = counted(sum(event.partitions.values()), "partition")
    say(f"{event.rules_name} version {event.version} ({event.digest}) is in force on {where}")


@needs("read")
def show(
    name: Annotated[str | None, typer.Argument(help="Show the text of these rules.")] = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Show which rules are in force, and where a file differs."""
    from app.operators import rules
    from app.settings.settings import load_settings
    from schemas import catalog
    from streams.log.credentials import PROJECTOR
    from streams.rules.catalogue import KINDS, kind_of

    settings = load_settings().rules
    if name is not None:
        kind_of(name)

    async def read(log: Log, codec: Codec) -> tuple[Any, Any]:
        counts = {kind.name: rules.partitions_of(kind, log) for kind in KINDS.values()}
        return await rules.in_force(log, codec), counts

    found, counts = operators.on_the_log(read, bootstrap_servers, schema_registry_url)
    if name is not None:
        held = found.get(name)
        say(*(_nothing_adopted(name) if held is None else held.text).splitlines())
        return
    for kind in KINDS.values():
        held = found.get(kind.name)
        agents = [one for inbox in kind.inboxes for one in catalog.topic(inbox).consumers if one != PROJECTOR]
        say(f"{kind.name}  ({kind.means}; used by {' and '.join(agents)})")
        if held is None:
            say(f"    {_nothing_adopted(kind.name)}")
            continue
        say(f"    version {held.version} ({held.digest}), adopted {_by(held)}")
        if any(held.partitions.get(inbox, 0) < count for inbox, count in counts[kind.name].items()):
            say(f"    not on every partition of {' and '.join(kind.inboxes)}; a worker that starts writes it to all")
        say(
            *(
                f"    {line}"
                for note in rules.difference(held, settings)
                for line in note.replace("; ", ";\n", 1).splitlines()
            )
        )


@needs("read")
def history(
    name: NameArgument,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """List adoptions and refusals, with who, when and why."""
    from app.operators import rules
    from schemas.records.rules import RulesAccepted
    from streams.rules.catalogue import kind_of

    kind_of(name)
    events = operators.on_the_log(rules.history, bootstrap_servers, schema_registry_url)
    before: RulesAccepted | None = None
    for event in (one for one in events if one.rules_name == name):
        if isinstance(event, RulesAccepted):
            say(f"version {event.version} ({event.digest}), adopted {_by(event)}")
            say_difference(before, event.text)
            before = event
        else:
            say(
                f"version {event.version}, refused to {event.requested_by} at {_at(event.occurred_at)}: {event.refusal}"
            )
    if before is None:
        say(_nothing_adopted(name))


def _nothing_adopted(name: str) -> str:
    return f"nothing is adopted yet; a worker offers {name} at its start"


def _by(event: RulesAccepted) -> str:
    approved = f", approved by {event.approved_by}" if event.approved_by else ""
    return f"by {event.requested_by}{approved} at {_at(event.occurred_at)}: {event.reason}"


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def say_difference(before: RulesAccepted | None, text: str) -> None:
    """Say which lines of a text are others than those in force."""
    old = [] if before is None else before.text.splitlines()
    changed = [
        line
        for line in difflib.unified_diff(old, text.splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    if before is not None:
        say(*(f"    {line}" for line in changed or ["nothing changes"]))
