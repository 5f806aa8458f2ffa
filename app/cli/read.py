"""`saldo read`: what a topic holds, decoded, by key, time or offset."""

from __future__ import annotations

from contextlib import closing, suppress
from enum import StrEnum
from typing import Annotated

import typer

from app.cli.connection import BootstrapServers, SchemaRegistryUrl, connect
from app.cli.identity import needs
from app.output.terminal import say
from schemas.values.counting import counted
from streams.log.credentials import VIEWER

BOUND = "an offset, a time (2026-11-24T10:00Z), a while ago ('10m ago'), now, beginning or end"


class Format(StrEnum):
    """How records are shown."""

    PRETTY = "pretty"
    JSONL = "jsonl"


def register(app: typer.Typer) -> None:
    """Hang `read` below the root."""
    app.command()(read)


@needs("read")
def read(
    topic: Annotated[str, typer.Argument(help="Topic name, as docs/topics.md lists them.")],
    key: Annotated[str | None, typer.Option(help="Only records of this key.")] = None,
    start: Annotated[str, typer.Option("--from", help=f"First to show: {BOUND}.")] = "beginning",
    stop: Annotated[str, typer.Option("--to", help=f"First not to show: {BOUND}.")] = "end",
    partition: Annotated[int | None, typer.Option(min=0, help="Only this partition.")] = None,
    record_type: Annotated[str | None, typer.Option("--type", help="Only records of this type.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written meanwhile.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many.")] = None,
    output: Annotated[Format, typer.Option("--format", help="For eyes, or one JSON object a line.")] = Format.PRETTY,
    all_copies: Annotated[
        bool, typer.Option("--all-copies", help="Show repeats too (what lies below the high-water mark).")
    ] = False,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Show the records of a topic, decoded, oldest first.

    Each once, up to the end that the topic has now. A repeat (a record written again after a crash) is left out
    when its original lies in what is read. A record that can't be decoded is shown as such with the reason; it
    never stops the reading.
    """
    from datetime import UTC, datetime

    from app.cli import showing
    from app.cli.errors import CannotRun
    from app.cli.moments import parse_bound
    from app.topics import reading
    from schemas import catalog
    from streams.log.kafka import KafkaLog

    if record_type is not None:
        catalog.latest(record_type)  # a typing error should not look like an empty topic
    if follow and stop != "end":
        raise CannotRun("--follow goes on for ever, so it can't be combined with --to")
    now = datetime.now(UTC)
    stretch = reading.Stretch(topic, parse_bound(start, now), parse_bound(stop, now), partition, follow)
    connection = connect(bootstrap_servers, schema_registry_url, role=VIEWER)
    show = showing.as_json_line if output is Format.JSONL else showing.as_paragraph
    shown = repeats = unreadable = 0
    with (
        suppress(KeyboardInterrupt),  # how following ends
        connection.codec() as codec,
        closing(KafkaLog(connection.kafka)) as log,
        closing(reading.read(log, codec, stretch)) as records,
    ):
        for record in records:
            if key is not None and record.found.key != key.encode():
                continue
            if record_type is not None and showing.type_of(record) != record_type:
                continue
            if record.is_repeat and not all_copies:
                repeats += 1
                continue
            shown += 1  # before it is shown: Ctrl-C may come as soon as somebody has seen it
            unreadable += record.reason is not None
            say(*show(record))
            if shown == limit:
                break
    left_out = f", {repeats} repeats left out" if repeats else ""
    damaged = f", {unreadable} of them unreadable" if unreadable else ""
    say(f"{counted(shown, 'record')}{damaged}{left_out}", err=True)
