"""`saldo import`: files that people get from a bank or a processor, as records of an inbox.

Exit codes: 0 all rows read, 3 some rows left out (listed), 2 nothing done.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.connection import BootstrapServers, SchemaRegistryUrl, connect
from app.cli.identity import needs
from app.cli.operators import WITH_REMARKS
from app.output.terminal import Sheet, hand_over, say
from schemas.values.counting import counted
from streams.log.credentials import IMPORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.files.reading import Understood
    from reconcile.files.errors import BadRow
    from schemas.wire.codec import Codec

COMMAND = "command"
SHOWN = 10

MerchantOption = Annotated[
    str | None,
    typer.Option(
        help="Merchant account that the file is of; needed where the settings have several and no column names them."
    ),
]


def register(app: typer.Typer) -> None:
    """Hang `import bank`, `import deposits`, `import disputes` and `import folder` below the root."""
    files = typer.Typer(help="Bring files into the pipeline.", no_args_is_help=True)
    files.command("bank")(import_bank)
    files.command("deposits")(import_deposits)
    files.command("disputes")(import_disputes)
    files.command("folder")(import_folder)
    app.add_typer(files, name="import")


@needs("import-bank")
def import_bank(
    file: Annotated[Path, typer.Argument(help="Bank statement: camt, MT940, BAI2, CSV, XLSX.", dir_okay=False)],
    only: Annotated[
        str | None,
        typer.Option(
            help="Only lines whose text matches this regular expression, e.g. 'PAYTRACE|MERCHANT'; default is that of "
            "the settings."
        ),
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
    settles: Annotated[
        str, typer.Option("--settles", help="Currency of the settlement account, where the processor converts it.")
    ] = "",
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
    from app.files.reading import of_bank_file
    from app.settings.settings import load_settings
    from reconcile.files.bank_lines import Selection, read_bank_lines
    from reconcile.files.columns import own_names
    from reconcile.files.errors import MatchFileError
    from reconcile.files.profile import Defaults, load_profile
    from reconcile.files.received import Accounts, GivenFile
    from schemas.files.owned import FileInvalid
    from schemas.values.money import Money
    from streams.domain.settlement.explaining import NO_MERCHANT

    settings = load_settings()
    currencies = set(settings.paytrace.currencies.values())
    if no_merchant and len(currencies) == 1:
        label, currency = NO_MERCHANT, next(iter(currencies))
    else:
        paytrace = settings.paytrace.of(merchant)
        label, currency = NO_MERCHANT if no_merchant else paytrace.merchant, paytrace.currency
    try:
        selection = Selection(
            label,
            account or label,
            currency,
            settings.files.only if only is None else re.compile(only, re.IGNORECASE),
            bank_account,
            settles.upper(),
        )
        known = load_profile(profile, Defaults(settings.match.rules_path, settings.match.column_names_path))
        with own_names(known.column_names):
            given = GivenFile.of(
                file,
                Accounts({label: currency}),
                datetime.now(UTC),
                origin=COMMAND,
                most_bytes=settings.files.max_bytes,
            )
            found = read_bank_lines(
                given,
                selection,
                known.right,
                through_on=through.date() if through else None,
                ends_days=not intraday,
            )
    except re.error as error:
        raise CannotRun(f"--only is no regular expression: {error}", field="only") from error
    except (MatchFileError, FileInvalid) as error:
        raise CannotRun(str(error), field="file") from error
    hand_over(
        Sheet(
            "lines",
            ("bank_line_id", "booked_on", "amount", "currency", "text"),
            tuple(
                (
                    line.bank_line_id,
                    line.booked_on.isoformat(),
                    str(Money(line.amount_minor, line.currency).major),
                    line.currency,
                    line.text,
                )
                for line in found.lines
            ),
        )
    )
    for ended in found.ended:
        lines = counted(ended.line_count, "line")
        say(f"  {ended.settlement_account}: {lines}, covered to the end of {ended.through_on}")
    _bring(of_bank_file(given, found), dry_run, bootstrap_servers, schema_registry_url)


@needs("import-disputes")
def import_disputes(
    file: Annotated[
        Path, typer.Argument(help="Dispute report or statement of the processor: CSV, XLSX.", dir_okay=False)
    ],
    merchant: MerchantOption = None,
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
    understood = _read("disputes", file, merchant, profile)
    _bring(understood, dry_run, bootstrap_servers, schema_registry_url)


@needs("import-bank")
def import_deposits(
    file: Annotated[Path, typer.Argument(help="Deposit report of the processor: CSV, XLSX.", dir_okay=False)],
    merchant: MerchantOption = None,
    profile: Annotated[
        Path | None, typer.Option(help="YAML that says what the columns mean; default is that of the settings.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written.")] = False,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Bring the deposits of a processor's report.

    What is in each, and what the bank should bring. The file itself is kept first, with its digest.

    A deposit counts once, however often it comes; one that says other amounts than before is the newest.
    Exit code 3: some rows could not be read; they are listed, the others are written.
    """
    understood = _read("deposits", file, merchant, profile)
    _bring(understood, dry_run, bootstrap_servers, schema_registry_url)


@needs("import-bank", "import-disputes")
def import_folder(
    folder: Annotated[Path, typer.Argument(help="Folder with deposits/ and disputes/ in it.")],
) -> None:
    """Bring every file of a folder that is new.

    As the watched folder is read (docs/disputes.md), once, for a schedule. A file counts once, whatever it is called.
    Exit code 3: some files or rows could not be read; they are listed, the others are written.
    """
    import asyncio

    from app.composition.bootstrap import read_folder
    from app.settings.settings import load_settings

    new, left_out = asyncio.run(read_folder(load_settings(), folder))
    say(f"{folder}: {counted(new, 'part')} of files new")
    for line in left_out:
        say(f"left out: {line}", err=True)
    if left_out:
        raise typer.Exit(WITH_REMARKS)


def _read(
    purpose: Literal["disputes", "deposits"], file: Path, merchant: str | None, profile: Path | None
) -> Understood:
    """Read a report; an account that the settings don't have is refused, and none is guessed among several."""
    from app.cli.errors import CannotRun
    from app.files.reading import FileReader
    from app.settings.settings import load_settings
    from reconcile.files.errors import MatchFileError
    from schemas.files.owned import FileInvalid

    settings = load_settings()
    if merchant is not None:
        settings.paytrace.of(merchant)
    try:
        reader = FileReader.of(settings.files, settings.paytrace.currencies, profile=profile)
        given = reader.take(file, merchant, origin=COMMAND)
        return reader.disputes(given) if purpose == "disputes" else reader.deposits(given)
    except (MatchFileError, FileInvalid) as error:
        raise CannotRun(str(error), field="file") from error


def _bring(
    understood: Understood, dry_run: bool, bootstrap_servers: str | None, schema_registry_url: str | None
) -> None:
    """Say what a file holds, and write it."""
    import asyncio

    from app.files.bringing import write
    from app.files.reading import INBOXES
    from app.files.register import FileRegister
    from streams.log.kafka import opened

    say(f"{understood.name}: {understood.says}; file {understood.digest[:16]}")
    _report_notes(understood.notes, understood.bad)
    if not dry_run:
        connection = connect(bootstrap_servers, schema_registry_url, role=IMPORT)

        async def work(codec: Codec) -> int:
            async with opened(connection.kafka) as log:
                first = await FileRegister(log, codec).first_read_at(understood.digest)
                if first is not None:
                    say(f"  these bytes were read before, on {first:%Y-%m-%d %H:%M} UTC; they count from then")
                return await write(understood.first_read_at(first), producer=IMPORT, log=log, codec=codec)

        with connection.codec() as codec:
            written = asyncio.run(work(codec))
        say(f"wrote {counted(written, 'record')} to {INBOXES[understood.purpose]}")
    if understood.bad:
        raise typer.Exit(WITH_REMARKS)


def _report_notes(notes: Sequence[str], left_out: Sequence[BadRow]) -> None:
    for note in notes:
        say(f"  {note}")
    for bad in left_out[:SHOWN]:
        say(f"left out: {bad.file} line {bad.line}: {bad.reason}", err=True)
    if len(left_out) > SHOWN:
        say(f"... and {counted(len(left_out) - SHOWN, 'more row')} left out", err=True)
