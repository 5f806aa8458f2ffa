"""`saldo import`: files that people get from a bank or a processor, as records of an inbox.

Exit codes: 0 all rows read, 3 some rows left out (listed), 2 nothing done.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.connection import BootstrapServers, SchemaRegistryUrl, connect
from app.cli.identity import needs
from app.output.terminal import say
from schemas.topic import Topic
from schemas.values.counting import counted
from streams.log.credentials import IMPORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconcile.files.bank_lines import BankFile
    from reconcile.files.errors import BadRow

EXIT_BAD_ROWS = 3
INBOX = Topic.SETTLEMENT_INBOX
SHOWN = 10


def register(app: typer.Typer) -> None:
    """Hang `import bank`, `import deposits` and `import disputes` below the root."""
    files = typer.Typer(help="Bring files into the pipeline.", no_args_is_help=True)
    files.command("bank")(import_bank)
    files.command("deposits")(import_deposits)
    files.command("disputes")(import_disputes)
    app.add_typer(files, name="import")


@needs("import-bank")
def import_bank(
    file: Annotated[Path, typer.Argument(help="Bank statement: camt, MT940, BAI2, CSV, XLSX.", dir_okay=False)],
    only: Annotated[
        str | None,
        typer.Option(help="Only lines whose text matches this regular expression, e.g. 'PAYTRACE|MERCHANT'."),
    ] = None,
    merchant: Annotated[
        str | None,
        typer.Option(help="Merchant account whose deposits these are; needed where the settings have several."),
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Our label of the bank account, never its number; default is the merchant's.")
    ] = None,
    bank_account: Annotated[
        str, typer.Option(help="Last digits of the bank account's number, for a file that holds several accounts.")
    ] = "",
    no_merchant: Annotated[
        bool,
        typer.Option(
            "--no-merchant", help="Lines that do not say for which merchant account they are; none is guessed."
        ),
    ] = False,
    through: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day that the file covers; default its last.")
    ] = None,
    intraday: Annotated[bool, typer.Option("--intraday", help="Lines of a day that is not over: ends no day.")] = False,
    profile: Annotated[Path | None, typer.Option(help="YAML as for `saldo match`; its right side is used.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written.")] = False,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Bring the lines of a bank statement.

    Each is explained by the money that PayTrace settled. A line counts once, however often it comes.
    Exit code 3: some rows could not be read; they are listed, the others are written.
    """
    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from app.topics import writing
    from reconcile.files.bank_lines import Selection, read_bank_lines
    from reconcile.files.columns import own_names
    from reconcile.files.errors import MatchFileError
    from reconcile.files.profile import Defaults, load_profile
    from schemas.files.owned import FileInvalid
    from streams.domain.settlement.explaining import NO_MERCHANT

    settings = load_settings()
    paytrace = settings.paytrace.of(merchant)
    label = NO_MERCHANT if no_merchant else paytrace.merchant
    try:
        selection = Selection(
            label,
            account or label,
            paytrace.currency,
            re.compile(only, re.IGNORECASE) if only else None,
            bank_account,
        )
        known = load_profile(profile, Defaults(settings.match.rules_path, settings.match.column_names_path))
        with own_names(known.column_names):
            found = read_bank_lines(
                file,
                selection,
                datetime.now(UTC),
                known.right,
                through_on=through.date() if through else None,
                ends_days=not intraday,
            )
    except re.error as error:
        raise CannotRun(f"--only is no regular expression: {error}") from error
    except (MatchFileError, FileInvalid) as error:
        raise CannotRun(str(error)) from error
    _report(file, found)
    records = [*found.lines, *found.ended]
    if records and not dry_run:
        connection = connect(bootstrap_servers, schema_registry_url, role=IMPORT)
        with connection.codec() as codec:
            written = writing.send(connection.kafka, INBOX, records, codec)
        say(f"wrote {counted(len(written), 'record')} to {INBOX}")
    if found.bad:
        raise typer.Exit(EXIT_BAD_ROWS)


@needs("import-disputes")
def import_disputes(
    file: Annotated[
        Path, typer.Argument(help="Dispute report or statement of the processor: CSV, XLSX.", dir_okay=False)
    ],
    merchant: Annotated[
        str | None, typer.Option(help="Merchant account whose disputes these are; default is the one of the settings.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="YAML that says what columns and stages mean; default is that of the settings.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written.")] = False,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Bring the facts of a dispute report.

    The file itself is kept first, with its digest. A fact counts once, however often it comes.
    Exit code 3: some rows could not be read; they are listed, the others are written.
    """
    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from app.topics import writing
    from reconcile.files.disputes import load_dispute_profile, read_disputes
    from reconcile.files.errors import MatchFileError
    from schemas.files.owned import FileInvalid

    settings = load_settings()
    label = merchant or settings.paytrace.merchant
    try:
        known = load_dispute_profile(profile or settings.disputes.profile_path)
        found = read_disputes(file, label, settings.paytrace.currency, datetime.now(UTC), known, origin="command")
    except (MatchFileError, FileInvalid) as error:
        raise CannotRun(str(error)) from error
    cases = {fact.dispute_case for fact in found.facts}
    say(f"{file.name}: {counted(len(found.facts), 'fact')} of {counted(len(cases), 'dispute')}, {found.digest[:16]}")
    _report_notes(found.notes, found.bad)
    if not dry_run:
        connection = connect(bootstrap_servers, schema_registry_url, role=IMPORT)
        with connection.codec() as codec:
            writing.send(connection.kafka, Topic.FILES, found.received, codec)
            written = writing.send(connection.kafka, Topic.DISPUTES_INBOX, found.facts, codec) if found.facts else ()
        say(f"wrote {counted(len(written), 'record')} to {Topic.DISPUTES_INBOX}")
    if found.bad:
        raise typer.Exit(EXIT_BAD_ROWS)


@needs("import-bank")
def import_deposits(
    file: Annotated[Path, typer.Argument(help="Deposit report of the processor: CSV, XLSX.", dir_okay=False)],
    merchant: Annotated[
        str | None,
        typer.Option(help="Merchant account whose deposits these are; needed where the settings have several."),
    ] = None,
    profile: Annotated[Path | None, typer.Option(help="YAML that says what the columns mean.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written.")] = False,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Bring the deposits of a processor's report.

    What is in each, and what the bank should bring.

    A deposit counts once, however often it comes; one that says other amounts than before is the newest.
    Exit code 3: some rows could not be read; they are listed, the others are written.
    """
    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from app.topics import writing
    from reconcile.files.deposits import load_deposit_profile, read_deposits
    from reconcile.files.errors import MatchFileError
    from schemas.files.owned import FileInvalid

    paytrace = load_settings().paytrace.of(merchant)
    try:
        known = load_deposit_profile(profile)
        found = read_deposits(file, paytrace.merchant, paytrace.currency, datetime.now(UTC), known)
    except (MatchFileError, FileInvalid) as error:
        raise CannotRun(str(error)) from error
    say(f"{file.name} ({found.digest}): {counted(len(found.deposits), 'deposit')}")
    _report_notes(found.notes, found.bad)
    if found.deposits and not dry_run:
        connection = connect(bootstrap_servers, schema_registry_url, role=IMPORT)
        with connection.codec() as codec:
            written = writing.send(connection.kafka, INBOX, list(found.deposits), codec)
        say(f"wrote {counted(len(written), 'record')} to {INBOX}")
    if found.bad:
        raise typer.Exit(EXIT_BAD_ROWS)


def _report(file: Path, found: BankFile) -> None:
    days = sorted({line.booked_on for line in found.lines})
    span = f", {days[0]} to {days[-1]}" if days else ""
    left_out = f"; {found.left_out} other lines left out" if found.left_out else ""
    say(f"{file.name} ({found.kind}): {counted(len(found.lines), 'line')}{span}{left_out}")
    for ended in found.ended:
        lines = counted(ended.line_count, "line")
        say(f"  {ended.settlement_account}: {lines}, covered to the end of {ended.through_on}")
    _report_notes(found.notes, found.bad)


def _report_notes(notes: Sequence[str], left_out: Sequence[BadRow]) -> None:
    for note in notes:
        say(f"  {note}")
    for bad in left_out[:SHOWN]:
        say(f"left out: {bad.file} line {bad.line}: {bad.reason}", err=True)
    if len(left_out) > SHOWN:
        say(f"... and {counted(len(left_out) - SHOWN, 'more row')} left out", err=True)
