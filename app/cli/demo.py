"""`saldo demo`: a trading day through the whole pipeline on real parts, and the balance at its end."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from infra.demo.audit import Audit
    from infra.demo.watch import PipelineStatus, Watcher
    from infra.demo.world import Story
    from infra.installation.stack import Stack

START_TIMEOUT_S = 180.0
SETTLE_TIMEOUT_S = 240.0
DEPOSIT_TIMEOUT_S = 10.0
STOP_GRACE_S = 60.0


def register(app: typer.Typer) -> None:
    """Hang `demo` below the root."""
    app.command()(demo)


def demo(
    payments: Annotated[int, typer.Option(min=20, max=20_000, help="Payments of the day.")] = 300,
    seed: Annotated[int, typer.Option(help="Another seed is another day.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Worker processes.")] = 1,
) -> None:
    """Play a trading day through the pipeline and show it.

    Through a `saldo up` of the same data directory when one runs, else it starts and stops one. Exit code 0 only if the
    balance closes at zero.
    """
    from rich.console import Console

    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from infra.embedded.supervisor import read_status
    from infra.installation.stack import Stack

    console = Console()
    stack = Stack(load_settings(), workers=workers)
    if not (stack.has_paytrace_sandbox and stack.has_abas_sandbox):
        raise CannotRun("a demo plays with both sandboxes, and the settings name a live system; unset it to play")
    began = time.monotonic()
    runs = read_status(stack.status_path) is not None
    if runs:
        console.print(f"playing through the `saldo up` of {stack.data_dir}")
    with nullcontext() if runs else _running(stack, console):
        audit = _play(stack, console, payments, seed)
    console.print(f"took {time.monotonic() - began:.0f} s; logs in {stack.log_dir}")
    if audit is None:
        console.print("[red]The day did not come to rest in time.[/red]")
        raise typer.Exit(1)
    if not audit.is_clean:
        console.print("[red]The balance does not close.[/red]")
        raise typer.Exit(1)
    console.print("[green]The balance closes: residual 0.[/green]")


def _play(stack: Stack, console: object, payments: int, seed: int) -> Audit | None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from infra.demo.plan import plan_day
    from infra.demo.show import show_audit, show_day, show_deposits
    from infra.demo.watch import Watcher
    from infra.demo.world import Story, open_world
    from projections.serving.reader import open_reader

    assert isinstance(console, Console)
    settings = stack.client_settings()
    watcher = Watcher(settings, paytrace_url=stack.paytrace_sandbox_url, abas_url=stack.abas_sandbox_url)
    # Invoice numbers of this run are its own, so a second demo in the same data directory is a second day.
    day, story = plan_day(seed, payments, label=secrets.token_hex(2).upper()), Story()
    columns = (TextColumn("{task.description:42}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def step(title: str, total: int | None = None) -> Callable[[str], None]:
            bar = progress.add_task(title, total=total)
            return lambda _name: progress.advance(bar)

        def follow(title: str) -> Callable[[PipelineStatus], None]:
            bar = progress.add_task(title, total=None)
            return lambda status: progress.update(
                bar,
                completed=status.seen,
                total=status.charges,
                description=f"{title}: {status.posted} documents in abas",
            )

        async def until_evening() -> None:
            async with open_world(
                settings, paytrace_url=stack.paytrace_sandbox_url, abas_url=stack.abas_sandbox_url
            ) as world:
                await world.prepare(day.customers)
                await world.invoice(day.invoices)
                await world.morning(day.deals, story, step("payments at PayTrace", payments))
                await asyncio.to_thread(_rest, watcher, follow("pipeline, morning"))
                await world.afternoon(story, step("captures and voids", 1))
                await world.evening(story, step("settlement, refunds", 2))
                await asyncio.to_thread(_rest, watcher, follow("pipeline, evening"))
                await world.returns(story, step("ACH returns", 1))

        asyncio.run(until_evening())
        status = _rest(watcher, follow("pipeline, days later"))
        days = _paid_out(stack, watcher, story)
    reader = open_reader(settings.projection)
    try:
        show_day(console, reader, settings)
    finally:
        reader.close()
    show_deposits(console, days)
    if status is None:
        return None
    show_audit(console, status.audit)
    return status.audit


def _paid_out(stack: Stack, watcher: Watcher, story: Story) -> Sequence[Mapping[str, Any]]:
    """Pay out what settled, import the bank's statement like any other, and end the days of the bridge."""
    from datetime import UTC, datetime

    from app.cli.connection import connect
    from app.cli.imports import INBOX
    from app.topics import writing
    from infra.demo.bank import statement_of
    from reconcile.files.bank_lines import Selection, read_bank_lines
    from streams.log.credentials import IMPORT

    statement = statement_of(watcher.charges(), story.transaction_ids)
    if statement is None:
        return ()
    settings = stack.client_settings()
    file = stack.data_dir / "demo-statement.csv"
    file.write_text(statement.text, "utf-8")
    merchant = settings.paytrace.merchant
    found = read_bank_lines(file, Selection(merchant, merchant, settings.paytrace.currency), datetime.now(UTC))
    connection = connect(role=IMPORT)
    with connection.codec() as codec:
        writing.send(connection.kafka, INBOX, [*found.lines, *found.ended], codec)
    bank_line_ids = [line.bank_line_id for line in found.lines]
    return watcher.deposit_days(bank_line_ids, statement.booked_on, timeout_s=DEPOSIT_TIMEOUT_S)


def _rest(watcher: Watcher, report: Callable[[PipelineStatus], None]) -> PipelineStatus | None:
    return watcher.wait_until(lambda status: status.is_settled, timeout_s=SETTLE_TIMEOUT_S, report=report)


@contextmanager
def _running(stack: Stack, console: object) -> Iterator[None]:
    """`saldo up` as a child of this process while the block runs."""
    import sys

    from rich.console import Console

    from infra.embedded import jars, process

    assert isinstance(console, Console)
    with console.status("Kafka and JRE") as status:
        jars.provide(
            "kafka",
            on_progress=lambda fetched: status.update(
                f"Kafka: {fetched.done_bytes >> 20} of {fetched.total_bytes >> 20} MiB, {fetched.file}"
            ),
        )
        status.update("starting broker, sandboxes, worker, projector")
        stack.log_dir.mkdir(parents=True, exist_ok=True)
        # The console's address and its token are in there, so it is its owner's alone.
        descriptor = os.open(stack.log_dir / "up.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            argv = (sys.executable, "-m", "app.cli", "up", "--workers", str(stack.workers))
            up = process.spawn(argv, env=stack.base_env(), cwd=None, output=output, die_with_parent=True)
        birth = process.birth_of(up.pid) or ""
        try:
            _wait_for_books(stack, up)
        except BaseException:
            process.end(up.pid, birth, grace_s=STOP_GRACE_S)
            raise
    try:
        yield
    finally:
        with console.status("stopping"):
            process.end(up.pid, birth, grace_s=STOP_GRACE_S)
            up.wait()


def _wait_for_books(stack: Stack, up: subprocess.Popen[bytes]) -> None:
    import httpx2

    from app.cli.errors import CannotRun

    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and up.poll() is None:
        try:
            for url in (stack.paytrace_sandbox_url, stack.abas_sandbox_url):
                httpx2.get(f"{url}/_sandbox/books", timeout=10, trust_env=False).raise_for_status()
            return
        except httpx2.HTTPError:
            time.sleep(0.2)
    raise CannotRun(f"the sandboxes did not start; see {stack.log_dir}")
