"""`saldo rebuild`: throw away everything that is derived, and show that it comes back identical from the topics."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from projections.digest import TableDigest
    from streams.rebuild import Comparison
    from streams.settings import Settings

CATCH_UP_TIMEOUT_S = 3600.0


def register(app: typer.Typer) -> None:
    """Hang `rebuild` below the root."""
    app.command()(rebuild)


def rebuild(
    tables: Annotated[bool, typer.Option("--tables/--no-tables", help="Also rebuild the ClickHouse tables.")] = True,
) -> None:
    """Decide every inbox again and project every topic again; exit code 0 only if all digests are equal.

    What is there now is replaced only by something proved identical; a difference leaves everything as it is. The
    pipeline of this data directory must be stopped; the embedded broker is started for the time it takes.
    """
    from rich.console import Console

    from streams.settings import load_settings

    settings = load_settings()
    console = Console()
    _refuse_while_running(settings)
    with _broker(settings, console) as running:
        results = _agents(running, console)
        if tables:
            results += _tables(running, console)
    _show(console, results)
    if not all(result.is_identical for result in results):
        console.print("[red]Not everything came back as it was; nothing was replaced that differs.[/red]")
        raise typer.Exit(1)
    console.print("[green]Everything came back identical.[/green]")


def _agents(settings: Settings, console: Console) -> list[Comparison]:
    """State, journals and what was sent, by deciding every inbox again; then local snapshots are thrown away."""
    from streams.bootstrap import DECIDERS, codec, sink_processor
    from streams.rebuild import compare_agents
    from streams.tasks.kafka import KafkaLog

    async def work() -> list[Comparison]:
        log = KafkaLog(settings.kafka_options)
        try:
            with console.status("deciding again") as status:
                return await compare_agents(
                    (*DECIDERS, sink_processor(settings)),
                    log,
                    codec(settings),
                    tell=lambda name: status.update(f"deciding again: {name}"),
                )
        finally:
            await asyncio.to_thread(log.close)

    results = asyncio.run(work())
    shutil.rmtree(settings.data_dir / "state", ignore_errors=True)
    return results


def _tables(settings: Settings, console: Console) -> list[Comparison]:
    """ClickHouse rows, by projecting every topic again into a second store beside the first."""
    from projections.client import embedded_path
    from streams.cli.errors import CannotRun
    from streams.rebuild import Comparison

    projection = settings.projection
    if not projection.is_embedded:
        raise CannotRun(
            "a ClickHouse server is set: name a second database in SALDO_REPORTING_CLICKHOUSE_DSN, run the projector "
            "into it and compare there, or use --no-tables"
        )
    store = embedded_path(projection.clickhouse_dsn)
    with tempfile.TemporaryDirectory(dir=settings.data_dir, prefix="rebuild-") as scratch:
        again = Path(scratch) / "clickhouse"
        after = _project(settings, store, Path(scratch) / "a", console, "bringing the tables up to date")
        rebuilt = _project(settings, again, Path(scratch) / "b", console, "projecting again")
        results = [
            Comparison(f"table {old.table}", old.rows, old.digest, new.digest)
            for old, new in zip(after, rebuilt, strict=True)
        ]
        if all(result.is_identical for result in results):
            shutil.rmtree(store)
            again.rename(store)
    return results


def _project(settings: Settings, store: Path, home: Path, console: Console, title: str) -> tuple[TableDigest, ...]:
    """Run a projector on a store until it has caught up, and take the digests through it."""
    import os

    from projections.digest import digests
    from projections.reader import connect_endpoint
    from streams.cli.errors import CannotRun
    from streams.embedded import process

    home.mkdir()
    env = {
        **os.environ,
        "SALDO_DATA_DIR": str(home),
        "SALDO_KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "SALDO_REPORTING_CLICKHOUSE_DSN": f"chdb://{store}",
    }
    with (home / "projector.out").open("wb") as output, console.status(title) as status:
        argv = (sys.executable, "-m", "streams.cli", "run", "projector")
        child = process.spawn(argv, env=env, output=output, die_with_parent=True)
        birth = process.birth_of(child.pid) or ""
        try:
            deadline = time.monotonic() + CATCH_UP_TIMEOUT_S
            while time.monotonic() < deadline and child.poll() is None:
                endpoint = connect_endpoint(home)
                if endpoint is not None and endpoint.get("/health")["reading"]:
                    lag = endpoint.get("/lag")["total"]
                    status.update(f"{title}: {lag} records behind")
                    if lag == 0:
                        return digests(endpoint)
                time.sleep(0.2)
        finally:
            process.end(child.pid, birth, grace_s=60)
            child.wait()
        raise CannotRun(f"the projector did not catch up:\n{(home / 'projector.out').read_text()[-2000:]}")


@contextmanager
def _broker(settings: Settings, console: Console) -> Iterator[Settings]:
    """Settings with a broker that answers: the one that is set, one that runs, or one started for this."""
    from streams.embedded.kafka import EmbeddedKafka

    if settings.kafka.bootstrap_servers or EmbeddedKafka.running(settings.data_dir):
        yield settings
        return
    with console.status("starting the broker"):
        broker = EmbeddedKafka(settings.data_dir, die_with_parent=True).start()
    try:
        yield settings
    finally:
        broker.stop()


def _refuse_while_running(settings: Settings) -> None:
    from streams.cli.errors import CannotRun
    from streams.embedded.supervisor import read_status
    from streams.stack import Stack

    if read_status(Stack(settings).status_path) is not None:
        raise CannotRun("`saldo up` runs for this data directory; stop it first, so that nothing moves meanwhile")


def _show(console: Console, results: list[Comparison]) -> None:
    from rich.table import Table

    table = Table(title="Before and after", title_justify="left")
    for heading in ("what", "count", "before", "after", ""):
        table.add_column(heading, justify="right" if heading == "count" else "left", overflow="fold")
    for result in results:
        mark = "[green]identical[/green]" if result.is_identical else "[red]DIFFERS[/red]"
        table.add_row(result.what, str(result.record_count), result.before[:16], result.after[:16], mark)
    console.print(table)
