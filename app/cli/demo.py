"""`saldo demo`: a month of trading through the whole pipeline on real parts, and the balance at its end."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from infra.demo.audit import Audit
    from infra.demo.bank import Bank
    from infra.demo.month import Trading
    from infra.demo.processor import Processor, Stage
    from infra.demo.transfers import Transfers
    from infra.demo.watch import PipelineStatus, Underway, Watcher
    from infra.demo.world import World
    from infra.installation.stack import Stack

START_TIMEOUT_S = 180.0
SETTLE_TIMEOUT_S = 240.0
DEPOSIT_TIMEOUT_S = LATE_TIMEOUT_S = LEDGER_TIMEOUT_S = 20.0
STOP_GRACE_S = 60.0
# Many payments take longer on a slow machine; the least that a worker decides is ten a second.
SETTLE_EACH_S = 0.1
DAYS_READ = 40
# Of each of these kinds abas must hold documents at the end; the second are there where customers pay by transfer.
KINDS = frozenset(
    ("cash_receipt", "cash_receipt_reversal", "deposit", "fee", "reserve_held", "chargeback", "chargeback_reversal")
) | {"adjustment"}
OF_TRANSFERS = frozenset({"exchange_difference"})


def register(app: typer.Typer) -> None:
    """Hang `demo` below the root."""
    app.command()(demo)


def demo(
    payments: Annotated[int, typer.Option(min=80, max=20_000, help="Payments of the month.")] = 300,
    seed: Annotated[int, typer.Option(help="Another seed is another month.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Worker processes.")] = 1,
) -> None:
    """Play a month of trading through the pipeline and show it.

    Through a `saldo up` of the same data directory when one runs, else it starts and stops one. Exit code 0 only if the
    balance closes at zero.
    """
    from rich.console import Console

    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from infra.embedded.supervisor import read_status
    from infra.installation.stack import Stack

    console, settings = Console(), load_settings()
    # The month lies before today, so each poll reads as far back; `saldo up` of its own reads the last days only.
    extra_env = {"SALDO_POLLING_RECENT_DAYS": str(DAYS_READ)}
    if settings.rules.account_mapping_path is None:
        extra_env["SALDO_RULES_ACCOUNT_MAPPING_PATH"] = str(_mapping(settings.data_dir))
    takes_transfers = settings.rules.deposit_matching_path is None
    if takes_transfers:
        extra_env["SALDO_RULES_DEPOSIT_MATCHING_PATH"] = str(_deposit_rules(settings.data_dir))
    stack = Stack(settings, workers=workers, extra_env=extra_env)
    if not (stack.has_paytrace_sandbox and stack.has_abas_sandbox):
        raise CannotRun("a demo plays with both sandboxes, and the settings name a live system; unset it to play")
    began = time.monotonic()
    runs = read_status(stack.status_path) is not None
    if runs:
        console.print(f"playing through the `saldo up` of {stack.data_dir}")
    with nullcontext() if runs else _running(stack, console):
        # The rules in force elsewhere know no customers who pay into this bank account.
        audit = _play(stack, console, payments, seed, has_transfers=takes_transfers and not runs)
    console.print(f"took {time.monotonic() - began:.0f} s; logs in {stack.log_dir}")
    if audit is None:
        console.print("[red]The month did not come to rest in time.[/red]")
        raise typer.Exit(1)
    if not audit.is_clean:
        console.print("[red]The balance does not close.[/red]")
        raise typer.Exit(1)
    console.print("[green]The balance closes: residual 0.[/green]")


def _mapping(data_dir: Path) -> Path:
    """Write the mapping that ships, with what comes too late for its month posted in the next one."""
    from schemas.files.owned import text_of
    from streams.rules.catalogue import ACCOUNT_MAPPING

    shipped = text_of(ACCOUNT_MAPPING.shipped)
    chosen = "closed_period: {cash_receipt: redate, cash_receipt_reversal: redate, on_account_receipt: redate}"
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir.absolute() / "demo-account-mapping.yaml"
    path.write_text(shipped.replace("closed_period: {}", chosen), "utf-8")
    return path


def _deposit_rules(data_dir: Path) -> Path:
    """Write the rules for deposits, with the bank account into which customers pay."""
    from infra.demo.transfers import rules_text

    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir.absolute() / "demo-deposit-matching.yaml"
    path.write_text(rules_text(), "utf-8")
    return path


def _play(stack: Stack, console: object, payments: int, seed: int, *, has_transfers: bool) -> Audit | None:
    import asyncio

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from infra.demo.month import plan_month
    from infra.demo.show import show_audit, show_day, show_deposits
    from infra.demo.transfers import Transfers
    from infra.demo.watch import Watcher
    from infra.demo.world import open_world
    from projections.serving.reader import open_reader

    assert isinstance(console, Console)
    settings = stack.client_settings()
    watcher = Watcher(settings, paytrace_url=stack.paytrace_sandbox_url, abas_url=stack.abas_sandbox_url)
    watcher.patience_s = SETTLE_TIMEOUT_S + SETTLE_EACH_S * payments
    # Invoice numbers of this run are its own, so a second demo in the same data directory is a second month.
    label, zone = secrets.token_hex(2).upper(), settings.paytrace.zone
    month = plan_month(seed, payments, now=datetime.now(UTC), zone=zone, label=label)
    transfers = Transfers(label, month[0].day.customers) if has_transfers else None
    columns = (TextColumn("{task.description:42}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def follow(title: str) -> Callable[[Underway], None]:
            bar = progress.add_task(title, total=None)
            return lambda status: progress.update(
                bar,
                completed=status.seen,
                total=status.charges,
                description=f"{title}: {status.posted} documents in abas",
            )

        def step(title: str, total: int) -> Callable[[str], None]:
            bar = progress.add_task(title, total=total)
            return lambda _name: progress.advance(bar)

        async def live() -> PipelineStatus | None:
            async with open_world(
                settings, paytrace_url=stack.paytrace_sandbox_url, abas_url=stack.abas_sandbox_url
            ) as world:
                return await _live(stack, world, watcher, month, transfers, step, follow)

        status = asyncio.run(live())
        days = watcher.deposit_days(timeout_s=DEPOSIT_TIMEOUT_S)
        _, wrong = watcher.ledger(timeout_s=LEDGER_TIMEOUT_S)
        wanted = KINDS if transfers is None else KINDS | OF_TRANSFERS
        wrong += watcher.documents(wanted, timeout_s=LEDGER_TIMEOUT_S) + watcher.unbalanced()
    reader = open_reader(settings.projection)
    try:
        show_day(console, reader, settings)
    finally:
        reader.close()
    show_deposits(console, days)
    if status is None:
        return None
    show_audit(console, status, wrong)
    return status.audit if not wrong else None


async def _live(
    stack: Stack,
    world: World,
    watcher: Watcher,
    month: Sequence[Trading],
    transfers: Transfers | None,
    step: Callable[[str, int], Callable[[str], None]],
    follow: Callable[[str], Callable[[Underway], None]],
) -> PipelineStatus | None:
    """Live the month day by day, and return how the pipeline stands when all has come to rest."""
    import asyncio

    from infra.demo.bank import Bank
    from infra.demo.month import DISPUTED, FOREIGN_DAY, LATE_FEE_DAY, STAGES
    from infra.demo.plan import CURRENCY, Course, Invoice
    from infra.demo.processor import Processor
    from infra.demo.world import Story
    from schemas.values.business_day import business_day

    bank, processor, stories, zone = Bank(), Processor(), [], stack.client_settings().paytrace.zone
    # What an earlier demo in this data directory brought was paid out in it.
    earlier, first = await asyncio.to_thread(watcher.charges), month[0].noon.date()
    processor.deposits(earlier, first)
    bank.statement(earlier, first)
    await world.prepare(month[0].day.customers)
    if transfers is not None:
        await world.invoice(transfers.invoices, first)
        watcher.transfers = transfers.held
    for number, trading in enumerate(month):
        story, on = Story(), trading.noon.date()
        await world.move_to(trading.noon)
        await world.invoice(trading.day.invoices, on)
        await world.morning(trading.day.deals, story, step(f"{on}: payments at PayTrace", len(trading.day.deals)))
        await asyncio.to_thread(_rest, watcher, follow(f"{on}: pipeline, morning"))
        await world.afternoon(story)
        await world.evening(story)
        await asyncio.to_thread(_rest, watcher, follow(f"{on}: pipeline, evening"))
        stories.append(story)
        if transfers is not None and number == FOREIGN_DAY:
            await asyncio.to_thread(_publish_rate, on)
        paid = partial(_pay_out, stack, watcher, bank, processor, on, STAGES.get(number, ()), transfers)
        await asyncio.to_thread(paid, number, keeps_more=number == LATE_FEE_DAY)
        if number == 0:
            disputed = list(story.of(Course.VAULT_SALE))[:DISPUTED]
            processor.dispute((payment, deal.amount_minor, CURRENCY) for deal, payment in disputed)
    # A return bears the day on which it was seen, which is today whatever the sandboxes' clocks say.
    today = datetime.now(UTC)
    await world.move_to(today)
    await world.close_month(first)
    # Invoices of the first day that nobody had written: their payments waited, and are posted after their month.
    late = list(stories[0].of(Course.UNKNOWN_INVOICE))
    written = [Invoice(deal.invoice_number, deal.customer, deal.amount_minor) for deal, _ in late]
    await world.invoice(written, first)
    for story in stories:
        await world.returns(story)
    await asyncio.to_thread(_put_on_account, watcher)
    await asyncio.to_thread(watcher.wait_until_applied, [payment for _, payment in late], timeout_s=LATE_TIMEOUT_S)
    await asyncio.to_thread(_rest, watcher, follow("pipeline, days later"))
    await asyncio.to_thread(_pay_out, stack, watcher, bank, processor, business_day(today, zone), (), None)
    return await asyncio.to_thread(_rest, watcher, follow("pipeline, at rest"))


def _pay_out(
    stack: Stack,
    watcher: Watcher,
    bank: Bank,
    processor: Processor,
    today: date,
    reached: Sequence[tuple[int, Stage]],
    transfers: Transfers | None,
    number: int = -1,
    *,
    keeps_more: bool = False,
) -> None:
    """Pay out what settled; import the processor's reports and the bank's statements like any other."""
    from app.cli.connection import connect
    from app.files.reading import INBOXES
    from app.topics import writing
    from infra.demo.payout import pay_out
    from infra.demo.transfers import BANK_ACCOUNT
    from schemas.records.settlement import BankLineObserved
    from schemas.topic import Topic
    from streams.log.credentials import IMPORT

    words = "" if transfers is None else transfers.statement((number,), today)
    settings, charges = stack.client_settings(), watcher.charges()
    paid = pay_out(settings, charges, bank, processor, today, reached, transfers=words, keeps_more=keeps_more)
    connection = connect(role=IMPORT)
    with connection.codec() as codec:
        if paid.entries:
            writing.send(connection.kafka, Topic.SETTLEMENT_INBOX, paid.entries, codec)
        for file in paid.files:
            writing.send(connection.kafka, Topic.FILES, file.received, codec)
            writing.send(connection.kafka, INBOXES[file.purpose], file.facts, codec)
            lines = [one for one in file.facts if isinstance(one, BankLineObserved)]
            watcher.paid_out.update(one.bank_line_id for one in lines if one.bank_account != BANK_ACCOUNT)
            if transfers is not None:
                transfers.book(one for one in lines if one.bank_account == BANK_ACCOUNT)


def _publish_rate(on: date) -> None:
    """Publish what a euro is worth on a day, as the source of rates does."""
    from app.cli.connection import connect
    from app.topics import writing
    from infra.demo.transfers import rate_of
    from schemas.topic import Topic
    from streams.log.credentials import SOURCE_RATES

    connection = connect(role=SOURCE_RATES)
    with connection.codec() as codec:
        writing.send(connection.kafka, Topic.RATES_INBOX, (rate_of(on, datetime.now(UTC)),), codec)


def _put_on_account(watcher: Watcher) -> None:
    """Put a payment that is not what is open on the customer's account, as `saldo decide on-account` does."""
    from app.cli.decide import on_account

    waiting = watcher.waiting("AMOUNT_DIFFERS")
    if waiting:
        on_account(waiting[0], "the customer asks for it to be kept for the next invoice")


def _rest(watcher: Watcher, report: Callable[[Underway], None]) -> PipelineStatus | None:
    return watcher.wait_until(lambda status: status.is_settled, timeout_s=watcher.patience_s, report=report)


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
    import json

    import httpx2

    from app.cli.errors import CannotRun
    from projections.serving.settings import endpoint_file

    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and up.poll() is None:
        try:
            for url in (stack.paytrace_sandbox_url, stack.abas_sandbox_url):
                httpx2.get(f"{url}/_sandbox/books", timeout=10, trust_env=False).raise_for_status()
            # Whoever reads before the projector has the embedded store would hold it in its place.
            reported = json.loads(endpoint_file(stack.data_dir).read_text("utf-8"))
            health = httpx2.get(f"{reported['url']}/health", timeout=10, trust_env=False).raise_for_status()
            if health.json()["reading"]:
                return
            time.sleep(0.2)
        except (httpx2.HTTPError, OSError, ValueError, KeyError):
            time.sleep(0.2)
    raise CannotRun(f"sandboxes or projector did not start; see {stack.log_dir}")
