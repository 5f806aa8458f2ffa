"""`saldo schemas`: is the contract in order, and does the registry know it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from app.cli.connection import REGISTRY_VARIABLE, SchemaRegistryUrl, registry_url
from app.output.terminal import say
from schemas.values.counting import counted


def register(app: typer.Typer) -> None:
    """Hang `schemas check|lock|publish` below the root."""
    schemas = typer.Typer(help="Record schemas (schemas/avro) and the registry.", no_args_is_help=True)
    schemas.command()(check)
    schemas.command()(lock)
    schemas.command()(publish)
    app.add_typer(schemas, name="schemas")


ContractRoot = Annotated[
    Path | None,
    typer.Option(help="Contract directory with avro/, examples/ and topics/. Default: Saldo's own.", file_okay=False),
]


def check(root: ContractRoot = None) -> None:
    """Prove that schemas, examples and topics are in order.

    Holds schemas, versions, examples, dataclasses and topics together; exit code 1 when something is wrong.
    """
    from schemas import catalog, lint

    problems = lint.check(root or catalog.ROOT)
    for problem in problems:
        say(problem.file, f"    {problem.what}", f"    -> {problem.remedy}")
    if problems:
        say(f"{len(problems)} problems in {len({problem.file for problem in problems})} files", err=True)
        raise typer.Exit(1)
    say("in order: every rule of schemas/lint holds")


def lock(
    root: ContractRoot = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(help="A published version, as PaymentSettled.v1, to publish anew: only if no topic holds one."),
    ] = None,
) -> None:
    """Publish new versions: their files are never edited again.

    Writes avro/published.lock, which belongs into the repository.
    """
    from app.cli.errors import CannotRun
    from schemas import catalog, lint

    try:
        changed = lint.lock(root or catalog.ROOT, replace or ())
    except LookupError as error:
        raise CannotRun(f"--replace: {error.args[0]}") from None
    for version in changed:
        say(version)
    if changed:
        say(f"{counted(len(changed), 'version')} published in {lint.LOCK}")
    else:
        say(f"nothing to publish: every version stands in {lint.LOCK} already")


def publish(schema_registry_url: SchemaRegistryUrl = None) -> None:
    """Register every version of every record.

    Oldest first, below FULL_TRANSITIVE compatibility.
    """
    from app.cli.errors import CannotRun
    from schemas import catalog
    from schemas.wire.registry import Registry

    url = registry_url(schema_registry_url)
    if url is None:
        raise CannotRun(f"no schema registry is named; give --schema-registry-url or set {REGISTRY_VARIABLE}")
    versions = [version for versions in catalog.record_versions().values() for version in versions]
    with closing(Registry(url)) as registry:
        for version in versions:
            schema_id = registry.publish(version)
            say(f"{version.subject}  v{version.version}  id {schema_id}")
    say(f"{counted(len(versions), 'version is|versions are')} registered at {url}")
