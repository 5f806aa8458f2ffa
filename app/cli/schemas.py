"""`saldo schemas`: is the contract in order, what is written from it, and does the registry know it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from app.cli.connection import REGISTRY_VARIABLE, SchemaRegistryUrl, registry_url
from app.output.terminal import say
from schemas.values.counting import counted


def register(app: typer.Typer) -> None:
    """Hang `schemas check|generate|lock|publish` below the root."""
    schemas = typer.Typer(help="Record schemas (schemas/avro) and the registry.", no_args_is_help=True)
    schemas.command()(check)
    schemas.command()(generate)
    schemas.command()(lock)
    schemas.command()(publish)
    app.add_typer(schemas, name="schemas")


ContractRoot = Annotated[
    Path | None,
    typer.Option(help="Contract directory with avro/, examples/ and topics/. Default: Saldo's own.", file_okay=False),
]


def check(root: ContractRoot = None) -> None:
    """Prove that schemas, examples and topics are in order.

    Holds schemas, versions, examples, topics and what is generated together; exit code 1 when something is wrong.
    """
    from schemas import catalog, generate, lint

    root = root or catalog.ROOT
    problems = (*lint.check(root), *generate.stale(root))
    for problem in problems:
        say(problem.file, f"    {problem.what}", f"    -> {problem.remedy}")
    if problems:
        say(f"{len(problems)} problems in {len({problem.file for problem in problems})} files", err=True)
        raise typer.Exit(1)
    say("in order: every rule of schemas/lint holds, and what is generated is current")


def generate(
    root: ContractRoot = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also write shared fields over copies in .avsc files that differ.")
    ] = False,
) -> None:
    """Write what follows from avro/ and topics/.

    Completes .avsc files from avro/shared.yaml, then writes records/, topic.py and docs/topics.md. Where a merge has
    left these broken, `python -m schemas.generate` does it without importing them.
    """
    from schemas import catalog

    changed = _generated(root or catalog.ROOT, overwrite=overwrite)
    say(*changed, f"{counted(len(changed), 'file')} written")


def lock(
    root: ContractRoot = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(help="A published version, as PaymentSettled.v1, to publish anew: only if no topic holds one."),
    ] = None,
) -> None:
    """Publish new versions: their files are never edited again.

    Does what `saldo schemas generate` does, then writes avro/published.lock, which belongs into the repository.
    """
    from app.cli.errors import CannotRun
    from schemas import catalog, lint

    root = root or catalog.ROOT
    written = _generated(root)
    try:
        changed = lint.lock(root, replace or ())
    except LookupError as error:
        raise CannotRun(f"--replace: {error.args[0]}") from None
    for line in (*written, *changed):
        say(line)
    if changed:
        say(f"{counted(len(changed), 'version')} published in {lint.LOCK}")
    else:
        say(f"nothing to publish: every version stands in {lint.LOCK} already")


def _generated(root: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write what follows from a contract directory, the page on topics too where it is ours; returns what changed."""
    from app.cli.errors import CannotRun
    from app.topics.doc import render
    from schemas import catalog, generate

    try:
        changed = generate.run(root, overwrite=overwrite)
    except generate.Untranslatable as error:
        raise CannotRun(str(error)) from None
    page = root.parent / "docs" / "topics.md"
    if root != catalog.ROOT or not page.exists():
        return changed
    # Nothing has asked the catalogue yet in this process, so it reads the files as they are now.
    text = render(catalog.topics())
    if text == page.read_text("utf-8"):
        return changed
    page.write_text(text, "utf-8")
    return (*changed, "docs/topics.md")


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
