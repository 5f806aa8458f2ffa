"""`saldo audit`: is the history of operator commands whole, and who decided what."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import identity
from app.cli.connection import BootstrapServers, SchemaRegistryUrl, connect
from app.cli.identity import needs
from app.output.terminal import say
from schemas.values.counting import counted
from streams.log.credentials import VIEWER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.api.audit import AuditFound
    from app.proofs.audit import Entry, PartitionAudit
    from streams.log.chain import Link


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"
    ZIP = "zip"


def register(app: typer.Typer) -> None:
    """Hang `audit verify|export` below the root."""
    audit = typer.Typer(help="Operator commands: who gave them, unchanged.", no_args_is_help=True)
    commands: tuple[Callable[..., None], ...] = (verify, export)
    for command in commands:
        audit.command()(command)
    app.add_typer(audit, name="audit")


@needs("read")
def verify(
    against: Annotated[
        Path | None,
        typer.Option("--against", help="What an earlier run printed: whatever it saw must still be there."),
    ] = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Name the first break in the history.

    Walks every inbox beside its journal, and the changes of users. A break is an operator command that was cut out,
    changed, put in or moved after it was accepted, or one that the agents released and nobody approved; exit code 1
    when there is one. The newest links are printed: keep them elsewhere and give them to a later run with --against,
    which also sees what was cut off at the end, together with its journal.
    """
    from app.cli.errors import CannotRun
    from app.proofs.audit import head_line, lost_since, parse_heads

    earlier: Mapping[tuple[str, int], Link] = {}
    if against is not None:
        try:
            earlier = parse_heads(against.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CannotRun(f"{against} is no output of an earlier `saldo audit verify`: {error}") from None
    found = _audited(bootstrap_servers, schema_registry_url, with_states=False)
    for one in found:
        if one.head.number and one.broken is None:
            say(head_line(one))
    broken = [one.broken for one in found if one.broken is not None]
    broken += lost_since(earlier, found)
    for each in broken:
        say(f"BROKEN  {each}")
    if broken:
        raise typer.Exit(1)
    commands = counted(sum(one.head.number for one in found), "command")
    say(f"no break: {commands} on {counted(len(found), 'partition')}, users among them")


@needs("read")
def export(
    to: Annotated[Path | None, typer.Option("-o", "--to", help="Write there instead of to the terminal.")] = None,
    output: Annotated[
        Format, typer.Option("--format", help="csv for spreadsheets, jsonl for programs, zip for auditors.")
    ] = Format.CSV,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """List operator commands and changes of users.

    When, who, what, why, what came of it, by which key, and the link of the chain. Exit code 1 when the history is
    broken; what is listed then ends before each break. A zip has both tables, the newest links, and how to verify them.
    """
    from app.api.audit import zipped
    from app.cli.errors import CannotRun

    if output is Format.ZIP and to is None:
        raise CannotRun("a zip is no text; name a file with --to")
    found = audit_found(bootstrap_servers, schema_registry_url)
    match output:
        case Format.CSV:
            content = found.as_csv().encode()
        case Format.JSONL:
            content = found.as_jsonl().encode()
        case Format.ZIP:
            content = zipped(found)
    if to is None:
        say(*content.decode().splitlines())
    else:
        to.write_bytes(content)
        say(f"wrote {len(found.entries)} operator commands to {to}")
    for each in found.broken:
        say(f"BROKEN  {each}", err=True)
    if found.broken:
        raise typer.Exit(1)


def audit_found(bootstrap_servers: str | None = None, schema_registry_url: str | None = None) -> AuditFound:
    """Audit this installation and return what was found, as the API shows it."""
    from app.api.audit import AuditFound
    from app.proofs.audit import as_csv, as_jsonl, head_line

    found = _audited(bootstrap_servers, schema_registry_url, with_states=True)
    entries = _in_order(found)
    return AuditFound(
        entries=[entry.as_json() for entry in entries],
        whole=[head_line(one) for one in found if one.head.number and one.broken is None],
        broken=[str(one.broken) for one in found if one.broken is not None],
        as_csv=partial(as_csv, entries),
        as_jsonl=partial(as_jsonl, entries),
    )


def _in_order(found: Sequence[PartitionAudit]) -> list[Entry]:
    return sorted((entry for one in found for entry in one.entries), key=lambda entry: (entry.at, entry.inbox))


def _audited(
    bootstrap_servers: str | None, schema_registry_url: str | None, *, with_states: bool
) -> list[PartitionAudit]:
    import asyncio

    from app.composition.keys import load_ring
    from app.proofs.audit import audit, audit_users
    from app.settings.settings import load_settings
    from streams.log.kafka import opened

    connection = connect(bootstrap_servers, schema_registry_url, role=VIEWER)
    ring = load_ring(load_settings().public_keys_path)

    async def work() -> list[PartitionAudit]:
        with connection.codec() as codec:
            async with opened(connection.kafka) as log:
                return [found async for found in audit(log, codec, ring, with_states=with_states)]

    return [*asyncio.run(work()), audit_users(identity.access().store.read())]
