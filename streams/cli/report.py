"""`saldo report` and `saldo sql`: answers from the projection, for people and for programs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How the answer is written.")]
FILE_WIDTH = 200

OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="File to write to; default is the terminal.")]


def register(app: typer.Typer) -> None:
    """Hang `report` and `sql` below the root."""
    app.command()(report)
    app.command()(sql)


def report(
    name: Annotated[str | None, typer.Argument(help="Report; without a name they are listed.")] = None,
    parameters: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE for what the report must be told.")] = None,
    output_format: FormatOption = Format.TABLE,
    out: OutOption = None,
) -> None:
    """Answer a question that the projection knows; `saldo report` lists them."""
    from projections import reports
    from projections.errors import QueryRefused
    from projections.reader import open_reader
    from streams.cli.errors import CannotRun
    from streams.settings import load_settings

    if name is None:
        _list()
        return
    asked = reports.load(name)
    settings = load_settings()
    given = dict(_pair(parameter) for parameter in parameters or [])
    values = reports.values_for(asked, given, day_zone=settings.paytrace.time_zone, now=datetime.now(UTC))
    reader = open_reader(settings.projection)
    try:
        if output_format is Format.PARQUET:
            _write(reports.as_parquet(reader, asked, values), out)
            return
        answer = reports.ask(reader, asked, values)
    except QueryRefused as error:
        if "UNKNOWN_TABLE" in str(error):
            raise CannotRun(f"nothing is projected in {settings.data_dir} yet; run `saldo up`") from error
        raise
    finally:
        reader.close()
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
        typer.echo(f"{name}\n    {known.question}")
        for parameter in known.parameters:
            default = f" (default: {parameter.default})" if parameter.default else ""
            typer.echo(f"    {parameter.name}=...  {parameter.meaning}{default}")


def _show(answer: object, output_format: Format, out: Path | None, *, title: str | None) -> None:
    from rich.console import Console

    from projections import reports

    assert isinstance(answer, reports.Answer)
    match output_format:
        case Format.TABLE:
            console = Console(width=FILE_WIDTH, record=True, quiet=True) if out else Console(record=True)
            console.print(reports.as_table(answer, title=title))
            if out:
                out.write_text(console.export_text(), "utf-8")
        case Format.CSV:
            _write(reports.as_csv(answer).encode(), out)
        case _:
            _write(reports.as_json(answer).encode(), out)


def _write(content: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        out.write_bytes(content)


def _pair(parameter: str) -> tuple[str, str]:
    name, equals, value = parameter.partition("=")
    if not equals:
        raise typer.BadParameter(f"{parameter!r} is not NAME=VALUE")
    return name, value
