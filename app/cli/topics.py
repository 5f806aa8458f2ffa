"""`saldo topics`: is the cluster what the catalogue says, and make it so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.connection import BootstrapServers, SchemaRegistryUrl, connect
from app.cli.identity import needs
from app.cli.read import BOUND
from app.output.terminal import say
from schemas.values.counting import counted
from streams.log.credentials import ADMIN, VIEWER

if TYPE_CHECKING:
    from app.topics.reading import ReadRecord
    from streams.log.acls import AccessPlan
    from streams.log.cluster import Cluster

Topic = Annotated[str, typer.Argument(help="Topic name, as docs/topics.md lists them.")]


class ExportFormat(StrEnum):
    """What `saldo topics export` writes."""

    AVRO = "avro"
    PARQUET = "parquet"
    JSONL = "jsonl"


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
    """Hang `topics list|peek|export|diff|apply|grant|doc` below the root."""
    topics = typer.Typer(help="Topics of the catalogue and of the cluster.", no_args_is_help=True)
    topics.command("list")(list_topics)
    commands: tuple[Callable[..., None], ...] = (peek, export, diff, apply, grant, doc)
    for command in commands:
        topics.command()(command)
    app.add_typer(topics, name="topics")


@needs("read")
def list_topics(bootstrap_servers: BootstrapServers = None) -> None:
    """List topics: partitions, records, owner.

    Also for how long records are kept, and which types there are. Those of the catalogue first, also when the
    cluster lacks them; then what else the cluster has.
    """
    from app.cli.showing import topics_table
    from schemas import catalog
    from streams.log.cluster import Cluster

    cluster = Cluster(connect(bootstrap_servers, role=VIEWER).kafka)
    found = cluster.topics()
    partitions = [(name, number) for name, topic in found.items() for number in range(topic.partitions)]
    starts, ends = cluster.starts(partitions), cluster.ends(partitions)
    counts = dict.fromkeys(found, 0)
    for partition in partitions:
        counts[partition[0]] += ends[partition] - starts[partition]
    lines = topics_table(catalog.topics(), {name: topic.partitions for name, topic in found.items()}, counts)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


@needs("read")
def peek(
    topic: Topic,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 10,
    start: Annotated[str | None, typer.Option("--from", help=f"All from here on instead: {BOUND}.")] = None,
    key: Annotated[str | None, typer.Option(help="Only records of this key.")] = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Show the newest records of a topic.

    Decoded and guarded, oldest first. `saldo read` has more to choose: by type, by partition, following.
    """
    from collections import deque
    from datetime import UTC, datetime

    from app.cli import showing
    from app.cli.moments import parse_bound
    from app.topics import reading
    from streams.log.kafka import KafkaLog

    now = datetime.now(UTC)
    connection = connect(bootstrap_servers, schema_registry_url, role=VIEWER)
    with connection.codec() as codec, closing(KafkaLog(connection.kafka)) as log:
        if start is not None or key is not None:
            # A key may be anywhere: whoever wrote it chose the partition.
            bound = parse_bound(start, now) if start is not None else reading.Edge.BEGINNING
            stretches = [reading.Stretch(topic, bound)]
        else:
            stretches = reading.tails(log, topic, last)
        kept: deque[reading.ReadRecord] = deque(maxlen=None if start is not None else last)
        for stretch in stretches:
            newest = deque(_wanted(reading.read(log, codec, stretch), key), maxlen=kept.maxlen)
            kept = deque(sorted((*kept, *newest), key=lambda read: read.found.entered_at), maxlen=kept.maxlen)
    for record in kept:
        say(*showing.as_paragraph(record))
    say(f"{len(kept)} {'record' if len(kept) == 1 else 'records'}", err=True)


@needs("read")
def export(
    topic: Topic,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    form: Annotated[ExportFormat | None, typer.Option("--format", help="Default: as the file's name ends.")] = None,
    start: Annotated[str, typer.Option("--from", help=f"First to write: {BOUND}.")] = "beginning",
    stop: Annotated[str, typer.Option("--to", help=f"First not to write: {BOUND}.")] = "end",
    key: Annotated[str | None, typer.Option(help="Only records of this key.")] = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Write a topic to a file for other tools.

    Each record once, guarded by the class of each field. avro is an object container file with its schema; parquet
    has a column for each field; jsonl is what `saldo read --format jsonl` prints. A record that can't be decoded is
    a row with the reason.
    """
    from datetime import UTC, datetime

    from app.cli import showing
    from app.cli.errors import CannotRun
    from app.cli.moments import parse_bound
    from app.topics import reading
    from app.topics.export import exporting
    from streams.log.kafka import KafkaLog

    ending = next((one for one in ExportFormat if out.suffix.lower() == f".{one.value}"), None)
    chosen = form or ending
    if chosen is None:
        raise CannotRun(f"{out} does not say the format; --format avro, parquet or jsonl does")
    if ending is not None and ending is not chosen:
        raise CannotRun(f"{out} ends like {ending.value} and --format says {chosen.value}; make them agree")
    now = datetime.now(UTC)
    stretch = reading.Stretch(topic, parse_bound(start, now), parse_bound(stop, now))
    if not out.parent.is_dir():
        raise CannotRun(f"can't write {out}: there is no folder {out.parent}; name another file with -o")
    connection = connect(bootstrap_servers, schema_registry_url, role=VIEWER)
    count = unreadable = 0
    with (
        connection.codec() as codec,
        closing(KafkaLog(connection.kafka)) as log,
        closing(reading.read(log, codec, stretch)) as records,
        exporting(out, chosen.value, topic, lambda read: showing.as_json_line(read)[0]) as write,
    ):
        for record in _wanted(records, key):
            write(record)
            count += 1
            unreadable += record.reason is not None
    damaged = f", {unreadable} of them unreadable" if unreadable else ""
    # The records themselves may have gone to stdout.
    say(f"{count} {'record' if count == 1 else 'records'} of {topic} in {out}{damaged}", err=not out.is_file())


def _wanted(records: Iterable[ReadRecord], key: str | None) -> Iterator[ReadRecord]:
    """Drop repeats, and other keys when one is named."""
    wanted = None if key is None else key.encode()
    return (record for record in records if not record.is_repeat and wanted in (None, record.found.key))


def diff(
    bootstrap_servers: BootstrapServers = None, replication_factor: ReplicationFactor = None, acls: Acls = False
) -> None:
    """Show what separates the cluster from the catalogue.

    Exit code 1 when something does.
    """
    from app.settings.settings import load_settings
    from app.topics.own import topics_of
    from app.topics.provisioning import compare

    cluster, factor = _cluster(bootstrap_servers, replication_factor)
    wanted = topics_of(load_settings().kafka.topics_path)
    difference = compare(cluster, wanted, replication_factor=factor)
    access = _compare_access(cluster) if acls else None
    for line in (*difference.lines(), *(access.lines() if access else ())):
        say(line)
    if difference or access:
        raise typer.Exit(1)
    say(f"no difference: {len(wanted)} topics{', and their permissions' if acls else ''}")


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
    from app.settings.settings import load_settings
    from app.topics import provisioning
    from app.topics.own import topics_of
    from streams.log import acls as access

    cluster, factor = _cluster(bootstrap_servers, replication_factor)
    wanted = topics_of(load_settings().kafka.topics_path)
    steps = provisioning.compare(cluster, wanted, replication_factor=factor)
    permissions = _compare_access(cluster) if acls else access.AccessPlan()
    for line in (*steps.lines(), *permissions.lines()):
        say(line)
    if not dry_run:
        provisioning.apply(cluster, steps)
        access.apply(cluster, permissions)
    say(
        f"{'would create' if dry_run else 'created'} {len(steps.creations)}, "
        f"{'would alter' if dry_run else 'altered'} {counted(len(steps.alterations), 'setting')}, "
        f"refused {len(steps.refusals)}, of {len(wanted)} topics"
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
    from app.topics.doc import render
    from schemas import catalog

    text = render(catalog.topics())
    if to is None:
        say(*text.splitlines())
    else:
        to.write_text(text, "utf-8")
        say(f"wrote {to}")


def _compare_access(cluster: Cluster) -> AccessPlan:
    from app.settings.settings import load_settings
    from schemas import catalog
    from streams.log import acls as access

    return access.compare(cluster, catalog.topics().values(), group=load_settings().kafka.group)


def _cluster(bootstrap_servers: str | None, replication_factor: int | None) -> tuple[Cluster, int | None]:
    from streams.log.cluster import Cluster

    connection = connect(bootstrap_servers, role=ADMIN)
    return Cluster(connection.kafka), replication_factor or connection.replication_factor
