"""`saldo match LEFT RIGHT --out DIR`: reconcile two files with the engine that the agents use.

Exit codes: 0 all rows read, 3 something in a file needs a look (rows left out, balances that do not add up: listed in
bad_rows.csv), 2 nothing done (file, profile or output directory unusable), 130 stopped by hand (nothing written),
4 a residual in the bridge, which must never happen and means a bug.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.output.terminal import cell, say
from schemas.values.counting import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from reconcile.files.run import Run

EXIT_UNUSABLE = 2
EXIT_BAD_ROWS = 3
EXIT_RESIDUAL = 4
EXIT_STOPPED = 130  # 128 + SIGINT, as shells count it
SHOWN = 10  # bad rows on the screen; all are in bad_rows.csv
EPILOG = (
    "Exit codes: 0 all rows read; 3 rows left out or a statement that does not add up (bad_rows.csv); 2 nothing done, "
    "the message says why; 4 a residual in the bridge (a bug); 130 stopped by hand. Files, profiles and rules: "
    "docs/matching.md."
)


def match(
    left: Annotated[
        Path, typer.Argument(help="Ledger, open items, gateway export: CSV, XLSX, Parquet, JSON, or a bank statement")
    ],
    right: Annotated[
        Path, typer.Argument(help="Bank statement (camt.052/053/054, MT940, MT942, BAI2, OFX, CSV) or any table")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Directory for the answer; made if missing, files of an earlier run replaced")
    ],
    profile: Annotated[
        Path | None,
        typer.Option("--profile", help="YAML that says what a file does not: columns, formats, signs, our own rules"),
    ] = None,
    remittance: Annotated[
        Path | None,
        typer.Option(
            "--remittance",
            help="Advice file (payment id, invoice as the payer wrote it, amount): apply payments to invoices",
        ),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Also show how each file was understood and what each rule found")
    ] = False,
) -> None:
    """Match the lines of two files and show the evidence.

    Matches, evidence, open lines and the bridge are written to DIR.
    """
    # The engine needs the `match` extra; other commands must start without it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from app.settings.guard_key import use_guard_key_or_random
    from app.settings.settings import load_settings
    from reconcile.files.errors import MatchFileError
    from reconcile.files.profile import Defaults
    from reconcile.files.run import run
    from schemas.files.owned import FileInvalid

    settings = load_settings()
    use_guard_key_or_random(settings)
    errors = Console(stderr=True)
    try:
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=errors,
            transient=True,
            disable=not errors.is_terminal,
        ) as bar:
            task = bar.add_task("starting", total=None)

            def progress(what: str, done: int, total: int) -> None:
                bar.update(task, description=what, completed=done, total=total or None)

            found = run(
                left,
                right,
                out,
                profile,
                remittance,
                progress,
                Defaults(settings.match.rules_path, settings.match.column_names_path),
            )
    except (MatchFileError, FileInvalid) as error:
        say(*str(error).splitlines(), err=True)
        raise typer.Exit(EXIT_UNUSABLE) from error
    except KeyboardInterrupt as stop:
        _say(errors, "Stopped; nothing was written.")
        raise typer.Exit(EXIT_STOPPED) from stop
    _show(Console(), found, left, right, out, details)
    if any(found.outcome.residual_minor(currency) for currency in found.outcome.totals):
        raise typer.Exit(EXIT_RESIDUAL)
    if found.bad_rows:
        raise typer.Exit(EXIT_BAD_ROWS)


def _say(console: Console, text: str) -> None:
    console.print(cell(text), highlight=False, soft_wrap=True)


def _show(console: Console, found: Run, left: Path, right: Path, out: Path, details: bool) -> None:
    outcome = found.outcome
    for name, path, file in (("Left: ", left, found.left), ("Right:", right, found.right)):
        _say(console, f"{name} {path.name}, {counted(len(file.lines), 'line')} read as {file.understood['kind']}")
        for note in file.notes:
            _say(console, f"       {note}")
    confirmed = sum(1 for one in outcome.matches if one.status.value == "confirmed")
    open_left = sum(1 for one in outcome.unmatched if one.side.value == "left")
    _say(
        console,
        f"Matches: {confirmed:,} confirmed, {len(outcome.matches) - confirmed:,} suggested for a person to decide. "
        f"Explained by their own side: {len(outcome.one_sided):,}. "
        f"Open: {open_left:,} left, {len(outcome.unmatched) - open_left:,} right.",
    )
    if outcome.orientation.value == "opposite":
        _say(console, "Signs: what one file writes as plus is minus in the other; the right side was turned.")
    elif outcome.orientation.value == "magnitude":
        _say(console, "Signs: one file writes none, so only the size of amounts was compared.")
    console.print(_bridge(found))
    for limit in outcome.limits_hit:
        _say(console, f"Limit reached: {limit}")
    if details:
        _show_details(console, found)
    bad = [*found.left.bad, *found.right.bad]
    for one in bad[:SHOWN]:
        _say(console, f"Needs a look: {one.file} line {one.line}: {one.reason}")
    if len(bad) > SHOWN:
        _say(console, f"... and {len(bad) - SHOWN:,} more, see bad_rows.csv")
    _say(console, f"Written to {out}: start with unmatched.csv (why lines are open) and matches.csv.")


def _bridge(found: Run) -> Table:
    """Return the bridge from the left total to the right one, as money."""
    from rich.table import Table

    from reconcile.files.values import NO_CURRENCY, money
    from reconcile.files.writing import bridge_rows

    table = Table("currency", "from left to right")
    table.add_column("lines", justify="right")
    table.add_column("amount", justify="right")
    for row in bridge_rows(found.outcome):
        currency = "none named" if row.currency == NO_CURRENCY else row.currency
        lines = f"{row.count:,}" if row.count else ""
        table.add_row(cell(currency), cell(row.what), lines, money(row.amount_minor, row.currency))
    return table


def _show_details(console: Console, found: Run) -> None:
    for name, file in (("Left", found.left), ("Right", found.right)):
        for meaning, column in file.understood.items():
            _say(console, f"{name} {meaning}: {column or '-'}")
    for rule, uses in found.outcome.rule_uses.items():
        _say(console, f"Rule {rule}: {uses:,} found")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("match", epilog=EPILOG)(match)
