"""`saldo write`: records from a file of JSON lines, all proved before the first is written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from app.cli.connection import BootstrapServers, SchemaRegistryUrl, connect
from app.cli.identity import needs
from app.output.terminal import say
from schemas.values.counting import counted

if TYPE_CHECKING:
    from app.topics.writing import BadLine, Written


def register(app: typer.Typer) -> None:
    """Hang `write` below the root."""
    app.command()(write)


@needs("write")
def write(
    topic: Annotated[str, typer.Argument(help="An inbox, as docs/topics.md lists them.")],
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            help='File of lines {"type": "TransactionObserved", "record": {...}}; - reads standard input.',
            dir_okay=False,
            allow_dash=True,
        ),
    ],
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Write the good lines although others are bad (exit code 1 then).")
    ] = False,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Write records from a file of JSON lines to a topic.

    When one line is bad, every bad one is listed and nothing is written. The event id comes from the content, so
    writing a file again adds copies that readers count once.
    """
    import asyncio

    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from app.topics import writing
    from schemas import catalog
    from streams.log.kafka import opened

    if str(source) != "-" and not source.is_file():
        raise CannotRun(f"--from {source} is no file; name a file of JSON lines, or - for standard input")
    spec = catalog.topic(topic)
    connection = connect(bootstrap_servers, schema_registry_url)

    async def work() -> Sequence[BadLine]:
        async with opened(connection.kafka) as log:
            log.partition_count(topic)  # a broker that is away is said before anything is read
            with _open(source) as lines, connection.codec() as codec:
                good, bad = writing.prepare(spec, lines, codec, log, zone=load_settings().paytrace.zone)
            for line in bad:
                say(str(line), err=True)
            if bad and not skip_bad:
                say(f"nothing is written: {counted(len(bad), 'bad line')} of {len(bad) + len(good)}", err=True)
                raise typer.Exit(2)
            say(*_summary(topic, await writing.write(log, good)))
            return bad

    bad = asyncio.run(work())
    if bad:
        say(f"{len(bad)} bad lines are left out", err=True)
        raise typer.Exit(1)


def _open(source: Path) -> AbstractContextManager[TextIO]:
    if str(source) == "-":
        return nullcontext(sys.stdin)
    # Bytes that are no UTF-8 become part of a bad line instead of ending the whole command.
    return source.open(encoding="utf-8", errors="surrogateescape")


def _summary(topic: str, written: Sequence[Written]) -> list[str]:
    lines = [f"wrote {counted(len(written), 'record')} to {topic}"]
    for partition in sorted({where.partition for where in written}):
        offsets = [where.offset for where in written if where.partition == partition]
        lines.append(f"  partition {partition}: {len(offsets)}, offsets {min(offsets)} to {max(offsets)}")
    return lines
