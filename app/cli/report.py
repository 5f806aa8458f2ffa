"""`saldo report` and `saldo sql`: answers from the projection, for people and for programs."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.output.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.table import Table

    from projections.reports.questions import Answer, Report


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    XLSX = "xlsx"


FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="How the answer is written; default: as the file's name ends, else a table."),
]
LocaleOption = Annotated[
    str | None,
    typer.Option("--locale", help="csv for a spreadsheet of this locale (de_DE): its decimal mark, separator, dates."),
]
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
        list[str] | None, typer.Argument(help="Its parameters: values in its order, or NAME=VALUE.")
    ] = None,
    output_format: FormatOption = None,
    out: OutOption = None,
    locale: LocaleOption = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="What was known then: a day (its end) or a time, 2026-11-24T15:30.")
    ] = None,
    period: Annotated[
        str | None,
        typer.Option("--period", help="Rows of 2026, 2026-Q4, 2026-11, 2026-11-24 or 2026-11-01..2026-11-24."),
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="Rows from this day on.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Rows up to this day, included.")] = None,
    open_sealed: Annotated[
        bool, typer.Option("--open", help="Show personal values that are sealed, to whoever may (open-personal).")
    ] = False,
) -> None:
    """Answer a question; without a name, list the questions.

    Its parameters may be given in its order (saldo report story_of_one_payment 395970002) or by name.
    """
    from app.cli.asking import reader_of
    from app.settings.settings import load_settings
    from projections.reports import questions
    from projections.reports.days import days_of, instant_of

    if name is None:
        _list()
        return
    chosen = _format_of(output_format, out, locale)
    key_of = _keys_of_people(chosen) if open_sealed else None
    settings = load_settings()
    for place, why in questions.not_asked(settings.reports_dir).items():
        if Path(place).stem == name:
            say(f"saldo: {place} is not asked: {why}", err=True)
    asked = questions.load(name, settings.reports_dir)
    zone, now = settings.paytrace.time_zone, datetime.now(UTC)
    instant = None if as_of is None else instant_of(as_of, zone=zone, now=now)
    days = days_of(period, first, last, zone=zone)
    if days is not None:
        questions.period_of(asked)  # says no before the store is asked
    given = _given(asked, parameters or [])
    values = questions.values_for(asked, given, day_zone=zone, now=instant or now)
    with reader_of(settings) as reader:
        if chosen is Format.PARQUET:
            _write(questions.as_parquet(reader, asked, values, as_of=instant, days=days), out)
            return
        answer = questions.ask(reader, asked, values, as_of=instant, days=days)
    if key_of is not None:
        answer = _opened(answer, key_of)
    about = {
        "question": asked.question,
        "answer": asked.description,
        "asked at (UTC)": f"{now:%Y-%m-%d %H:%M:%S}",
        "as of (UTC)": f"{instant or now:%Y-%m-%d %H:%M:%S}",
        "period": f"{days}, {asked.period_meaning} ({zone})" if days else "all",
        **{f"parameter {parameter}": value for parameter, value in values.items()},
    }
    _show(answer, chosen, out, title=asked.question, locale=locale, name=asked.name, about=about)


def _keys_of_people(chosen: Format) -> Callable[[str], bytes | None]:
    """Return what gives the key of a key id.

    Raises: CannotRun for a file that ClickHouse itself writes; AccessDenied for whoever may not open personal values.
    """
    from app.cli.errors import CannotRun
    from app.cli.identity import permit
    from app.cli.privacy import keys_of_people

    permit("open-personal")
    if chosen is Format.PARQUET:
        raise CannotRun("--open is not for parquet; choose csv, json or xlsx")
    return keys_of_people(None, None).key_of


def _opened(answer: Answer, key_of: Callable[[str], bytes | None]) -> Answer:
    """Return an answer with what is sealed in its texts opened."""
    from dataclasses import replace

    from schemas.checks.sealing import opened

    rows = (tuple(opened(cell, key_of) if isinstance(cell, str) else cell for cell in row) for row in answer.rows)
    return replace(answer, rows=tuple(rows))


def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT statement; - reads it from standard input.")],
    output_format: FormatOption = None,
    out: OutOption = None,
    locale: LocaleOption = None,
) -> None:
    """Ask ClickHouse anything; reading only."""
    from app.cli.asking import reader_of
    from app.settings.settings import load_settings
    from projections.reports import questions

    chosen = _format_of(output_format, out, locale)
    text = sys.stdin.read() if statement == "-" else statement
    with reader_of(load_settings()) as reader:
        if chosen is Format.PARQUET:
            with reader.answer(text, output_format="Parquet") as spool:
                _write_pieces(spool.pieces(), out)
            return
        answer = questions.answer_of(reader.query(text))
    _show(answer, chosen, out, title=None, locale=locale, name="sql", about={"statement": text})


def _list() -> None:
    from app.settings.settings import load_settings
    from projections.reports import questions
    from projections.store.errors import QueryRefused

    own = load_settings().reports_dir
    for name in questions.report_names(own):
        try:
            known = questions.load(name, own)
        except QueryRefused as error:
            say(name, f"    can't be asked: {error}")
            continue
        say(name, f"    {known.question}")
        if known.parameters:
            say(f"    {_usage(known)}")
        if known.period:
            say(f"    --period, --from, --to: {known.period_meaning}")
    for place, why in questions.not_asked(own).items():
        say(f"saldo: {place} is not asked: {why}", err=True)


def _format_of(output_format: Format | None, out: Path | None, locale: str | None) -> Format:
    """Return how the options together say that an answer is written.

    Raises: CannotRun when they do not fit.
    """
    from app.cli.errors import CannotRun

    ending = None if out is None else next((one for one in Format if out.suffix.lower() == f".{one.value}"), None)
    chosen = output_format or ending or (Format.CSV if locale else Format.TABLE)
    if ending is not None and chosen is not ending:
        raise CannotRun(f"{out} ends like {ending.value} and --format says {chosen.value}; make them agree")
    if locale is not None and chosen is not Format.CSV:
        raise CannotRun(f"--locale is for csv; {chosen.value} is the same everywhere")
    if chosen is Format.XLSX and out is None:
        raise CannotRun("a workbook needs a file: -o NAME.xlsx")
    return chosen


def _show(
    answer: object,
    output_format: Format,
    out: Path | None,
    *,
    title: str | None,
    locale: str | None = None,
    name: str = "answer",
    about: Mapping[str, str] | None = None,
) -> None:
    from projections.reports import questions

    assert isinstance(answer, questions.Answer)
    match output_format:
        case Format.TABLE:
            _show_table(answer, title, out)
        case Format.CSV if locale:
            from projections.reports import for_people  # with babel, which only such files need

            _write(for_people.as_local_csv(answer, locale), out)
        case Format.CSV:
            _write(questions.as_csv(answer).encode(), out)
        case Format.XLSX:
            from projections.reports import for_people

            _write(for_people.as_workbook(answer, title=name, about=about or {}), out)
        case _:
            _write(questions.as_json(answer).encode(), out)


def _show_table(answer: Answer, title: str | None, out: Path | None) -> None:
    """Print a table as wide as the terminal, and PAGE_WIDTH in a file or pipe.

    A table that is too wide leaves out what is empty and breaks its texts between words; one whose words do not fit
    either shows each row as a paragraph. Values are never cut.
    """
    from rich.console import Console
    from rich.measure import Measurement

    from projections.reports import questions

    page = io.StringIO()
    console = Console() if out is None else Console(file=page)
    if out is not None or not console.is_terminal:
        console.width = PAGE_WIDTH

    def needed(table: Table) -> Measurement:
        return Measurement.get(console, console.options.update(max_width=WIDEST), table)

    table = questions.as_table(answer, title=title)
    if needed(table).maximum > console.width:
        table = questions.as_table(answer, title=title, leave_out_empty=True)
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
    _write_pieces((content,), out)


def _write_pieces(pieces: Iterable[bytes], out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.writelines(pieces)
        sys.stdout.buffer.flush()
        return
    try:
        with out.open("wb") as file:
            file.writelines(pieces)
    except OSError as error:
        from app.cli.errors import CannotRun

        raise CannotRun(f"can't write {out}: {error.strerror or error}; name another file with -o") from error


def _given(asked: Report, words: Sequence[str]) -> dict[str, str]:
    """Return values by parameter: NAME=VALUE by its name, a bare word for the first parameter that has none yet.

    Raises: CannotRun, with a line to copy, when there are too many words or a required one is missing.
    """
    from app.cli.errors import CannotRun

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
