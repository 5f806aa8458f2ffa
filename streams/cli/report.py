"""`saldo report` and `saldo sql`: answers from the projection, for people and for programs."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli import identity
from streams.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from projections.reports import Answer, Report


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


FormatOption = Annotated[Format, typer.Option("--format", help="How the answer is written.")]
# What a file or a pipe gets, where no terminal says how wide it is; most editors, pagers and mails show so much.
PAGE_WIDTH = 120
# Wider than any table, to ask how wide one would be.
WIDEST = 10_000

OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="File to write to; default is the terminal.")]


def register(app: typer.Typer) -> None:
    """Hang `report` and `sql` below the root."""
    app.command()(report)
    app.command()(sql)


def report(
    name: Annotated[str | None, typer.Argument(help="Report; without a name they are listed.")] = None,
    parameters: Annotated[
        list[str] | None, typer.Argument(help="What the report must be told: values in its order, or NAME=VALUE.")
    ] = None,
    output_format: FormatOption = Format.TABLE,
    out: OutOption = None,
) -> None:
    """Answer a question; without a name, list the questions.

    What a report must be told may be given in its order (saldo report story_of_one_payment 395970002) or by name.
    """
    from projections import reports
    from streams.cli.asking import reader_of
    from streams.settings import load_settings

    if name is None:
        _list()
        return
    asked = reports.load(name)
    settings = load_settings()
    given = _given(asked, parameters or [])
    values = reports.values_for(asked, given, day_zone=settings.paytrace.time_zone, now=datetime.now(UTC))
    with reader_of(settings) as reader:
        if output_format is Format.PARQUET:
            _write(reports.as_parquet(reader, asked, values), out)
            return
        answer = reports.ask(reader, asked, values)
    _show(answer, output_format, out, title=asked.question)


def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT statement; - reads it from standard input.")],
    output_format: FormatOption = Format.TABLE,
    out: OutOption = None,
) -> None:
    """Ask ClickHouse anything; reading only."""
    from projections import reports
    from projections.reader import open_reader
    from streams.settings import load_settings

    identity.permit("read")
    text = sys.stdin.read() if statement == "-" else statement
    reader = open_reader(load_settings().projection)
    try:
        if output_format is Format.PARQUET:
            _write(reader.query(text, output_format="Parquet"), out)
            return
        answer = reports.answer_of(reader.query(text))
    finally:
        reader.close()
    _show(answer, output_format, out, title=None)


def _list() -> None:
    from projections import reports

    for name in reports.report_names():
        known = reports.load(name)
        say(name, f"    {known.question}")
        if known.parameters:
            say(f"    {_usage(known)}")


def _show(answer: object, output_format: Format, out: Path | None, *, title: str | None) -> None:
    from projections import reports

    assert isinstance(answer, reports.Answer)
    match output_format:
        case Format.TABLE:
            _show_table(answer, title, out)
        case Format.CSV:
            _write(reports.as_csv(answer).encode(), out)
        case _:
            _write(reports.as_json(answer).encode(), out)


def _show_table(answer: Answer, title: str | None, out: Path | None) -> None:
    """As wide as the terminal, and PAGE_WIDTH in a file or pipe.

    A table that is too wide leaves out what is empty and breaks its texts between words; one whose words do not fit
    either shows each row as a paragraph. Values are never cut.
    """
    from rich.console import Console
    from rich.measure import Measurement

    from projections import reports

    page = io.StringIO()
    console = Console() if out is None else Console(file=page)
    if out is not None or not console.is_terminal:
        console.width = PAGE_WIDTH

    def needed(table: Table) -> Measurement:
        return Measurement.get(console, console.options.update(max_width=WIDEST), table)

    table = reports.as_table(answer, title=title)
    if needed(table).maximum > console.width:
        table = reports.as_table(answer, title=title, leave_out_empty=True)
    if not table.row_count:
        console.print(*filter(None, (table.title, "no rows")), sep="\n", markup=False, highlight=False)
    elif needed(table).minimum > console.width:
        console.print("\n".join(_paragraphs(table)), markup=False, highlight=False)
    else:
        console.print(table)
    if out is not None:
        _write(page.getvalue().encode(), out)


def _paragraphs(table: Table) -> Iterator[str]:
    headings = [str(column.header) for column in table.columns]
    width = max(map(len, headings))
    yield str(table.title or "")
    for row in zip(*(column.cells for column in table.columns), strict=True):
        yield ""
        yield from (f"{heading:{width}}  {cell}" for heading, cell in zip(headings, map(str, row), strict=True) if cell)


def _write(content: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        from streams.cli.errors import CannotRun

        raise CannotRun(f"can't write {out}: {error.strerror or error}; name another file with -o") from error


def _given(asked: Report, words: Sequence[str]) -> dict[str, str]:
    """Values by parameter: NAME=VALUE by its name, a bare word for the first parameter that has none yet.

    Raises: CannotRun, with a line to copy, when there are too many words or one that must be told is missing.
    """
    from streams.cli.errors import CannotRun

    given: dict[str, str] = {}
    bare: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            given[name] = value
        else:
            bare.append(word)
    free = [parameter.name for parameter in asked.parameters if parameter.name not in given]
    given |= zip(free, bare, strict=False)
    missing = [parameter for parameter in asked.parameters if parameter.default is None and parameter.name not in given]
    if len(bare) > len(free) or missing:
        raise CannotRun(_usage(asked))
    return given


def _usage(asked: Report) -> str:
    if not asked.parameters:
        return f"{asked.name} takes no parameters; ask it with: saldo report {asked.name}"
    words, meanings = [asked.name], []
    for parameter in asked.parameters:
        word = parameter.name.upper()
        words.append(f"[{word}]" if parameter.default else word)
        default = f" (default: {parameter.default})" if parameter.default else ""
        meanings.append(f"{word}: {parameter.meaning}{default}")
    return f"ask it with: saldo report {' '.join(words)}   {'; '.join(meanings)}"
