"""`saldo topics`: is the cluster what the catalogue says, and make it so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.connection import BootstrapServers, connect

if TYPE_CHECKING:
    from streams.log.cluster import Cluster

ReplicationFactor = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Copies of each new topic. Default: SALDO_KAFKA_REPLICATION_FACTOR, else min(3, brokers).",
    ),
]


def register(app: typer.Typer) -> None:
    """Hang `topics diff|apply|doc` below the root."""
    topics = typer.Typer(help="Topics of the catalogue (schemas/topics) and of the cluster.", no_args_is_help=True)
    commands: tuple[Callable[..., None], ...] = (diff, apply, doc)
    for command in commands:
        topics.command()(command)
    app.add_typer(topics, name="topics")


def diff(bootstrap_servers: BootstrapServers = None, replication_factor: ReplicationFactor = None) -> None:
    """Show what separates the cluster from the catalogue.

    Exit code 1 when something does.
    """
    from schemas import catalog
    from streams.topics import compare

    cluster, factor = _cluster(bootstrap_servers, replication_factor)
    difference = compare(cluster, catalog.topics().values(), replication_factor=factor)
    for line in difference.lines():
        typer.echo(line)
    if difference:
        raise typer.Exit(1)
    typer.echo(f"no difference: {len(catalog.topics())} topics")


def apply(
    bootstrap_servers: BootstrapServers = None,
    replication_factor: ReplicationFactor = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")] = False,
) -> None:
    """Create missing topics and correct settings.

    It never deletes and never changes a partition count: where one differs, exit code 1 says so.
    """
    from schemas import catalog
    from streams import topics

    cluster, factor = _cluster(bootstrap_servers, replication_factor)
    steps = topics.compare(cluster, catalog.topics().values(), replication_factor=factor)
    for line in steps.lines():
        typer.echo(line)
    if not dry_run:
        topics.apply(cluster, steps)
    typer.echo(
        f"{'would create' if dry_run else 'created'} {len(steps.creations)}, "
        f"{'would alter' if dry_run else 'altered'} {len(steps.alterations)} settings, "
        f"refused {len(steps.refusals)}, of {len(catalog.topics())} topics"
    )
    if steps.refusals:
        raise typer.Exit(1)


def doc(
    to: Annotated[Path | None, typer.Option(help="Write there instead of to the terminal: docs/topics.md.")] = None,
) -> None:
    """Describe every topic as Markdown, from schemas/topics."""
    from schemas import catalog
    from streams.topics_doc import render

    text = render(catalog.topics())
    if to is None:
        typer.echo(text, nl=False)
    else:
        to.write_text(text, "utf-8")
        typer.echo(f"wrote {to}")


def _cluster(bootstrap_servers: str | None, replication_factor: int | None) -> tuple[Cluster, int | None]:
    from streams.log.cluster import Cluster

    connection = connect(bootstrap_servers)
    return Cluster(connection.kafka), replication_factor or connection.replication_factor
