"""`saldo match LEFT RIGHT --out DIR`: reconcile two files with the engine that the agents use.

Exit codes: 0 all rows read, 3 some rows left out (listed in bad_rows.csv), 2 nothing done (file or profile unusable),
4 a residual in the bridge, which must never happen and means a bug.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from streams.matchfiles.run import Run

EXIT_UNUSABLE = 2
EXIT_BAD_ROWS = 3
EXIT_RESIDUAL = 4


def match(
    left: Annotated[Path, typer.Argument(help="Ledger, open items, gateway export: CSV, XLSX, Parquet, JSONL")],
    right: Annotated[Path, typer.Argument(help="Bank statement (camt, MT940, BAI2, CSV) or any table")],
    out: Annotated[Path, typer.Option("--out", help="Directory for the answer")],
    profile: Annotated[Path | None, typer.Option("--profile", help="YAML: columns, formats, rules")] = None,
    remittance: Annotated[
        Path | None, typer.Option("--remittance", help="Payment id, invoice as written, amount; LEFT holds invoices")
    ] = None,
) -> None:
    """Match the lines of two files and show the evidence.

    Matches, evidence, open lines and the bridge are written to DIR.
    """
    # The engine needs the `match` extra; other commands must start without it.
    from streams.domain.matching.rules import RulesInvalid
    from streams.matchfiles.errors import MatchFileError
    from streams.matchfiles.run import run

    console = Console(stderr=True)
    try:
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        ) as bar:
            task = bar.add_task("starting", total=None)

            def progress(what: str, done: int, total: int) -> None:
                bar.update(task, description=what, completed=done, total=total or None)

            found = run(left, right, out, profile, remittance, progress)
    except (MatchFileError, RulesInvalid) as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_UNUSABLE) from error
    _show(Console(), found, out)
    if any(found.outcome.residual_minor(currency) for currency in found.outcome.totals):
        raise typer.Exit(EXIT_RESIDUAL)
    if found.bad_rows:
        raise typer.Exit(EXIT_BAD_ROWS)


def _show(console: Console, found: Run, out: Path) -> None:
    from streams.matchfiles.writing import bridge_rows

    outcome = found.outcome
    confirmed = sum(1 for one in outcome.matches if one.status.value == "confirmed")
    console.print(
        f"{len(found.left.lines)} left and {len(found.right.lines)} right lines: {confirmed} matches confirmed, "
        f"{len(outcome.matches) - confirmed} suggested, {len(outcome.one_sided)} one-sided, "
        f"{len(outcome.unmatched)} open. Written to {out}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    table = Table("currency", "bridge", "count", "minor units")
    for row in bridge_rows(outcome):
        table.add_row(row.currency, row.what, str(row.count) if row.count else "", f"{row.amount_minor:,}")
    console.print(table)
    unused = [rule for rule, uses in outcome.rule_uses.items() if not uses]
    if unused:
        console.print(f"Rules that found nothing: {', '.join(unused)}", markup=False, highlight=False, soft_wrap=True)
    for limit in outcome.limits_hit:
        console.print(f"Limit reached: {limit}", markup=False, highlight=False, soft_wrap=True)
    bad = [*found.left.bad, *found.right.bad]
    for one in bad[:10]:
        console.print(
            f"Left out: {one.file} line {one.line}: {one.reason}", markup=False, highlight=False, soft_wrap=True
        )
    if len(bad) > 10:
        console.print(f"... and {len(bad) - 10} more rows left out, see bad_rows.csv", markup=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("match")(match)
