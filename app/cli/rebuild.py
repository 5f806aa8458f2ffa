"""`saldo rebuild`: throw away everything that is derived, and show that it comes back identical from the topics."""

from __future__ import annotations

import logging
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from app.proofs.rebuild import Comparison
    from app.settings.settings import Settings


def register(app: typer.Typer) -> None:
    """Hang `rebuild` below the root."""
    app.command()(rebuild)


def rebuild(
    tables: Annotated[bool, typer.Option("--tables/--no-tables", help="Also rebuild the ClickHouse tables.")] = True,
) -> None:
    """Derive everything again and compare it with what there is.

    Decides every inbox and projects every topic once more; exit code 0 only if all digests are equal. The pipeline
    of this data directory must be stopped; the embedded broker is started for the time it takes.
    """
    from rich.console import Console

    from app.settings.settings import load_settings
    from streams.log.credentials import VIEWER

    settings = load_settings().as_role(VIEWER)  # it decides into memory and writes nothing
    console = Console()
    _refuse_while_running(settings)
    with _broker(settings, console) as running:
        _refuse_without_topics(running)
        results = _agents(running, console)
        if tables:
            results += _tables(running, console)
    _show(console, results)
    if not all(result.is_identical for result in results):
        console.print("[red]Not everything came back as it was.[/red]")
        raise typer.Exit(1)
    console.print("[green]Everything came back identical.[/green]")


def _agents(settings: Settings, console: Console) -> list[Comparison]:
    """State, journals and what was sent, by deciding every inbox again; then local snapshots are thrown away."""
    import asyncio

    from app.composition.bootstrap import codec, every_processor
    from app.composition.keys import load_ring
    from app.proofs.rebuild import compare_agents
    from streams.log.kafka import opened

    # What was parked on the day is parked again here, which is no news for the terminal.
    logging.getLogger("streams.tasks").addHandler(logging.NullHandler())

    async def work() -> list[Comparison]:
        async with opened(settings.kafka_options) as log:
            with console.status("deciding again") as status:
                return await compare_agents(
                    every_processor(settings),
                    log,
                    codec(settings),
                    load_ring(settings.public_keys_path),
                    report=lambda name: status.update(f"deciding again: {name}"),
                )

    results = asyncio.run(work())
    shutil.rmtree(settings.data_dir / "state", ignore_errors=True)
    return results


def _tables(settings: Settings, console: Console) -> list[Comparison]:
    """ClickHouse rows: every table is thrown away and projected again."""
    from app.composition.bootstrap import codec
    from app.proofs.rebuild import Comparison
    from projections.projector.rebuild import rebuild as rebuild_tables

    with console.status("projecting again"):
        found = rebuild_tables(settings.projection, codec=codec(settings))
    return [
        Comparison(f"table {old.table}", old.rows, old.digest, new.digest)
        for old, new in zip(found.before, found.after, strict=True)
    ]


@contextmanager
def _broker(settings: Settings, console: Console) -> Iterator[Settings]:
    """Hold settings with a broker that answers: the one that is set, one that runs, or one started for this."""
    from app.cli.errors import CannotRun
    from infra.embedded.kafka import EmbeddedKafka

    if settings.kafka.bootstrap_servers or EmbeddedKafka.running(settings.data_dir):
        yield settings
        return
    if not EmbeddedKafka(settings.data_dir).has_storage:
        raise CannotRun(f"nothing to rebuild: no broker has ever run in {settings.data_dir}; `saldo up` starts one")
    with console.status("starting the broker"):
        broker = EmbeddedKafka(settings.data_dir, die_with_parent=True).start()
    try:
        yield settings
    finally:
        broker.stop()


def _refuse_while_running(settings: Settings) -> None:
    from app.cli.errors import CannotRun
    from infra.embedded.supervisor import read_status
    from infra.installation.stack import Stack

    if read_status(Stack(settings).status_path) is not None:
        raise CannotRun("`saldo up` runs for this data directory; stop it first, so that nothing moves meanwhile")


def _refuse_without_topics(settings: Settings) -> None:
    from app.cli.errors import CannotRun
    from schemas import catalog
    from streams.log.cluster import Cluster

    missing = sorted(set(catalog.topics()) - set(Cluster(settings.kafka_options).topics()))
    if missing:
        raise CannotRun(
            f"nothing to rebuild from: the cluster at {settings.bootstrap_servers} lacks {len(missing)} of "
            f"{len(catalog.topics())} topics, {missing[0]} the first; `saldo topics apply` makes them"
        )


def _show(console: Console, results: list[Comparison]) -> None:
    from rich.table import Table

    table = Table(title="Before and after", title_justify="left")
    for heading in ("what", "count", "before", "after", ""):
        table.add_column(heading, justify="right" if heading == "count" else "left", overflow="fold")
    for result in results:
        mark = "[green]identical[/green]" if result.is_identical else "[red]DIFFERS[/red]"
        table.add_row(result.what, str(result.record_count), result.before[:16], result.after[:16], mark)
    console.print(table)
