"""`saldo topics`: is the cluster what the catalogue says, and make it so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.counting import counted
from streams.cli.connection import BootstrapServers, connect
from streams.log.credentials import ADMIN
from streams.terminal import say

if TYPE_CHECKING:
    from streams.log.acls import AccessPlan
    from streams.log.cluster import Cluster

ReplicationFactor = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Copies of each new topic. Default: SALDO_KAFKA_REPLICATION_FACTOR, else min(3, brokers).",
    ),
]

Acls = Annotated[
    bool, typer.Option("--acls", help="Also who may read and write: permissions that follow from schemas/topics.")
]


def register(app: typer.Typer) -> None:
    """Hang `topics diff|apply|grant|doc` below the root."""
    topics = typer.Typer(help="Topics of the catalogue (schemas/topics) and of the cluster.", no_args_is_help=True)
    commands: tuple[Callable[..., None], ...] = (diff, apply, grant, doc)
    for command in commands:
        topics.command()(command)
    app.add_typer(topics, name="topics")


def diff(
    bootstrap_servers: BootstrapServers = None, replication_factor: ReplicationFactor = None, acls: Acls = False
) -> None:
    """Show what separates the cluster from the catalogue.

    Exit code 1 when something does.
    """
    from schemas import catalog
    from streams.topics import compare

    cluster, factor = _cluster(bootstrap_servers, replication_factor)
    difference = compare(cluster, catalog.topics().values(), replication_factor=factor)
    access = _compare_access(cluster) if acls else None
    for line in (*difference.lines(), *(access.lines() if access else ())):
        say(line)
    if difference or access:
        raise typer.Exit(1)
    say(f"no difference: {len(catalog.topics())} topics{', and their permissions' if acls else ''}")


def apply(
    bootstrap_servers: BootstrapServers = None,
    replication_factor: ReplicationFactor = None,
    acls: Acls = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")] = False,
) -> None:
    """Create missing topics and correct settings.

    It never deletes and never changes a partition count: where one differs, exit code 1 says so. With --acls, each user
    of Saldo may read and write what schemas/topics says of its process, and nothing else.
    """
    from schemas import catalog
    from streams import topics
    from streams.log import acls as access

    cluster, factor = _cluster(bootstrap_servers, replication_factor)
    steps = topics.compare(cluster, catalog.topics().values(), replication_factor=factor)
    permissions = _compare_access(cluster) if acls else access.AccessPlan()
    for line in (*steps.lines(), *permissions.lines()):
        say(line)
    if not dry_run:
        topics.apply(cluster, steps)
        access.apply(cluster, permissions)
    say(
        f"{'would create' if dry_run else 'created'} {len(steps.creations)}, "
        f"{'would alter' if dry_run else 'altered'} {counted(len(steps.alterations), 'setting')}, "
        f"refused {len(steps.refusals)}, of {len(catalog.topics())} topics"
    )
    if acls:
        say(
            f"{'would grant' if dry_run else 'granted'} {len(permissions.grants)} permissions, "
            f"{'would withdraw' if dry_run else 'withdrew'} {len(permissions.withdrawals)}"
        )
    if steps.refusals:
        raise typer.Exit(1)


def grant(
    user: Annotated[str, typer.Argument(help="Kafka user of the other system, e.g. crm.")],
    write: Annotated[list[str] | None, typer.Option(help="Inbox that it may write; several times for several.")] = None,
    read: Annotated[list[str] | None, typer.Option(help="Topic that it may read; several times for several.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Consumer group of its reading. Default: the name of the user.")
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take these permissions away instead.")] = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Let another system's user write or read topics.

    The user itself is made at the broker; for the embedded one, by a file beside Saldo's own (docs/connecting.md).
    """
    from schemas import catalog
    from streams.log import acls as access

    wanted = access.grants(catalog.topics().values(), user, write=write or (), read=read or (), group=group)
    steps = access.AccessPlan(withdrawals=wanted.grants) if withdraw else wanted
    cluster, _ = _cluster(bootstrap_servers, None)
    access.apply(cluster, steps)
    say(*steps.lines())


def doc(
    to: Annotated[Path | None, typer.Option(help="Write there instead of to the terminal: docs/topics.md.")] = None,
) -> None:
    """Describe every topic as Markdown, from schemas/topics."""
    from schemas import catalog
    from streams.topics_doc import render

    text = render(catalog.topics())
    if to is None:
        say(*text.splitlines())
    else:
        to.write_text(text, "utf-8")
        say(f"wrote {to}")


def _compare_access(cluster: Cluster) -> AccessPlan:
    from schemas import catalog
    from streams.log import acls as access
    from streams.settings import load_settings

    return access.compare(cluster, catalog.topics().values(), group=load_settings().kafka.group)


def _cluster(bootstrap_servers: str | None, replication_factor: int | None) -> tuple[Cluster, int | None]:
    from streams.log.cluster import Cluster

    connection = connect(bootstrap_servers, role=ADMIN)
    return Cluster(connection.kafka), replication_factor or connection.replication_factor
