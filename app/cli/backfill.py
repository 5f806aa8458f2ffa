"""`saldo backfill`: read the past of an outside system day by day, and go on where a run was stopped."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.identity import needs
from app.output.terminal import say

if TYPE_CHECKING:
    from datetime import date

    from app.settings.settings import Settings
    from connectors.paytrace.backfill import BackfillProgress
    from connectors.paytrace.errors import UnreadableRow

_DAY = ["%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    """Hang `backfill paytrace` below the root."""
    app_of_systems = typer.Typer(help="Read an outside system's past, day by day.", no_args_is_help=True)
    app_of_systems.command()(paytrace)
    app_of_systems.callback()(_systems)
    app.add_typer(app_of_systems, name="backfill")


@needs("backfill")
def paytrace(
    since: Annotated[
        datetime, typer.Option("--from", formats=_DAY, metavar="DATE", help="First day, in the merchant's zone.")
    ],
    until: Annotated[datetime, typer.Option("--to", formats=_DAY, metavar="DATE", help="Last day, included.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Begin after the last day that a run over this same range finished.")
    ] = False,
    merchant: Annotated[
        str | None, typer.Option(help="Label of the merchant account, where the settings have several.")
    ] = None,
) -> None:
    """Publish what PayTrace holds of past days.

    Every transaction created and every batch settled on these days; what was published before is not
    published again.

    A stop at any moment costs the day at hand: the same command with --resume goes on. Exit code 1 when a row could
    not be read; the others are published all the same.
    """
    import asyncio

    first, last = since.date(), until.date()
    if first > last:
        raise typer.BadParameter(f"--from {first} lies after --to {last}")
    from app.output.logs import configure_logs
    from app.settings.settings import load_settings
    from infra.installation.stack import Stack

    settings = Stack(load_settings()).client_settings()
    configure_logs(settings.log_level)
    unreadable = asyncio.run(_paytrace(settings, merchant, first, last, resume=resume))
    for day, error in unreadable:
        say(f"{day}: a row could not be read: {error}", err=True)
    if unreadable:
        raise typer.Exit(1)


async def _paytrace(
    settings: Settings, merchant: str | None, since: date, until: date, *, resume: bool
) -> list[tuple[date, UnreadableRow]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from app.composition.bootstrap import paytrace_backfill

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    account = settings.paytrace.of(merchant)
    first: BackfillProgress | None = None
    last: BackfillProgress | None = None
    async with paytrace_backfill(settings, account, since, until, resume=resume) as (days, history):
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(f"{since}", total=(until - since).days + 1)
            async for progress in days:
                first, last = first or progress, progress
                bar.update(task, completed=progress.days_done, description=str(progress.day))
    if first is None or last is None:
        say(f"nothing to do: {since} to {until} was read to the end before")
    else:
        say(f"read {first.day} to {last.day}, {last.observation_count} transactions and batches seen")
    return history.unreadable


def _systems() -> None:
    """Keep `paytrace` a command of its own although it is the only one yet."""
