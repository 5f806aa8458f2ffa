"""Questions as SQL files, and their answers as a table for people or as csv, json and parquet for programs.

For `saldo report`, which asks, and for the console, which shows. Each file of reports/ opens with its question, the
grain of its rows, and its parameters:

    -- parameter NAME TYPE = DEFAULT: what it means

    -- period COLUMN: MEANING

where DEFAULT is `day_zone`, `now`, `today` (in day_zone) or `all` (an empty text), and without `= DEFAULT` the asker
must give it, and the rows of a period are those whose COLUMN lies in it. A column `x_minor` counts minor units of the
row's `currency`; every answer carries `x` in major units beside it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from projections.reports.days import Days
from projections.store.client import SqlReader
from projections.store.errors import QueryRefused
from schemas.checks.sealing import without_sealed
from schemas.values.foreign_text import for_json, for_spreadsheet, for_terminal
from schemas.values.money import Money, is_currency

ROOT = Path(__file__).parent
MINOR = "_minor"
# Where the record of a row stands; shown as one column.
COORDINATES = ("source_topic", "source_partition", "source_offset")
_NAME = re.compile(r"^[a-z0-9_]+$")
_PARAMETER = re.compile(
    r"^-- parameter (?P<name>\w+) (?P<type>[^=:]+?)(?: = (?P<default>\w+))?: (?P<meaning>.+)$", re.MULTILINE
)
_DEFAULTS: Final = ("day_zone", "now", "today", "all")
_PERIOD: Final = re.compile(r"^-- period (?P<column>\w+): (?P<meaning>.+)$", re.MULTILINE)
# The finest currency of CLDR has four digits, so every major amount fits exactly.
_MAJOR_SCALE = 4


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a report needs; default names where the value comes from when the asker gives none."""

    name: str
    type: str
    default: str | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Report:
    """One question: its words, its parameters, its SQL, and the column of days or instants that a period means."""

    name: str
    question: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str
    period: str | None = None
    period_meaning: str = ""


@dataclass(frozen=True)
class Answer:
    """Rows of a report.

    Shapes: columns, types are (c,); rows is (n, c) of JSON values; `shown` adds a major column behind each minor one.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @cached_property
    def records(self) -> tuple[dict[str, Any], ...]:
        """Rows as records, money in minor and, as exact text, in major units; instants as RFC 3339."""
        return tuple(self._record(row) for row in self.rows)

    def _record(self, row: Sequence[Any]) -> dict[str, Any]:
        plain = dict(zip(self.columns, row, strict=True))
        record: dict[str, Any] = {}
        for column, kind in zip(self.columns, self.types, strict=True):
            value = plain[column]
            record[column] = _instant(value) if "DateTime" in kind and value is not None else value
            if column.endswith(MINOR):
                major = major_units(value, plain.get("currency"))
                record[column.removesuffix(MINOR)] = None if major is None else str(major)
        return record


def report_names(own: Path | None = None) -> tuple[str, ...]:
    """Return every report there is, by name; own is a folder of the user's."""
    folders = (ROOT,) if own is None else (ROOT, own)
    return tuple(sorted({path.stem for folder in folders for path in folder.glob("*.sql")}))


def not_asked(own: Path | None) -> dict[str, str]:
    """Return what of the user's folder is no report of its own, by place, and why.

    No folder, or a name that Saldo's has.
    """
    if own is None:
        return {}
    if not own.is_dir():
        return {str(own): "there is no such folder; SALDO_REPORTS_DIR names it"}
    return {
        str(path): f"Saldo's own report is called {path.stem}; call the file otherwise"
        for path in sorted(own.glob("*.sql"))
        if (ROOT / path.name).is_file()
    }


def load(name: str, own: Path | None = None) -> Report:
    """Return one report; Saldo's own go before those of a folder of the user's.

    Raises: LookupError naming the reports when there is none of that name; QueryRefused when the user's file is not
            written as a report is.
    """
    ours = ROOT / f"{name}.sql"
    path = ours if own is None or ours.is_file() else own / f"{name}.sql"
    if name not in report_names(own):
        raise LookupError(f"no report {name!r}; there are {', '.join(report_names(own))}")
    if not _NAME.match(name):
        raise QueryRefused(
            f"{path}: a report is called by a-z, 0-9 and _, and this is {name!r}; call the file otherwise",
            code="REPORT",
        )
    try:
        sql = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QueryRefused(f"{path} can't be read: {error}", code="REPORT") from error
    head = [line.removeprefix("--").strip() for line in sql.splitlines() if line.startswith("--")]
    prose = [line for line in head if not line.startswith(("parameter ", "period "))]
    if not prose or not prose[0]:
        raise QueryRefused(
            f"{path} says not what it answers; begin it with a line `-- WHAT DOES IT ANSWER?`", code="REPORT"
        )
    parameters = tuple(
        Parameter(found["name"], found["type"].strip(), found["default"], found["meaning"])
        for found in _PARAMETER.finditer(sql)
    )
    if len(parameters) != sum(line.startswith("parameter ") for line in head):
        raise QueryRefused(
            f"{path}: a line of a parameter is not `-- parameter NAME TYPE = DEFAULT: what it means`", code="REPORT"
        )
    unknown = next((p.default for p in parameters if p.default not in (None, *_DEFAULTS)), None)
    if unknown is not None:
        raise QueryRefused(f"{path}: there is no default {unknown!r}; there are {', '.join(_DEFAULTS)}", code="REPORT")
    period = _PERIOD.search(sql)
    column, meaning = (period["column"], period["meaning"]) if period else (None, "")
    return Report(name, prose[0], " ".join(prose[1:]), parameters, sql, column, meaning)


def values_for(report: Report, given: Mapping[str, str], *, day_zone: str, now: datetime) -> dict[str, str]:
    """Value of each parameter: as given, else its default.

    Raises: QueryRefused naming the parameter that is missing or that the report does not have.
    """
    known = {parameter.name for parameter in report.parameters}
    unknown = sorted(set(given) - known)
    if unknown:
        has = ", ".join(sorted(known)) or "none"
        raise QueryRefused(f"{report.name} has no parameter {unknown[0]!r}; it has {has}", code="PARAMETER")
    defaults = {
        "day_zone": day_zone,
        "now": now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "all": "",
        "today": now.astimezone(ZoneInfo(day_zone)).date().isoformat(),
    }
    values = {}
    for parameter in report.parameters:
        value = given.get(parameter.name) or defaults.get(parameter.default or "")
        if value is None:
            raise QueryRefused(f"{report.name} needs {parameter.name}: {parameter.meaning}", code="PARAMETER")
        values[parameter.name] = value
    return values


def ask(
    reader: SqlReader,
    report: Report,
    values: Mapping[str, str],
    *,
    as_of: datetime | None = None,
    days: Days | None = None,
) -> Answer:
    """Ask a report, as of an instant and for the rows of some days, when given.

    Raises: QueryRefused in the engine's own words, or when the report has no period.
    """
    column = period_of(report) if days is not None else ""
    answer = answer_of(reader.query(report.sql, values, as_of=as_of))
    if days is None:
        return answer
    if column not in answer.columns:
        raise QueryRefused(f"{report.name} names the column {column} for periods and has none", code="PERIOD")
    place = answer.columns.index(column)
    return replace(answer, rows=tuple(row for row in answer.rows if days.hold(row[place])))


def period_of(report: Report) -> str:
    """Return the column by which a period is meant.

    Raises: QueryRefused naming the reports that have one.
    """
    if report.period is None:
        others = ", ".join(name for name in report_names() if load(name).period)
        raise QueryRefused(
            f"{report.name} has no period: its rows are not of one day each; a period can be asked of {others}",
            code="PERIOD",
        )
    return report.period


def answer_of(content: bytes) -> Answer:
    """Read what the engine answered in JSONCompact."""
    reported = json.loads(content)
    return Answer(
        tuple(column["name"] for column in reported["meta"]),
        tuple(column["type"] for column in reported["meta"]),
        tuple(tuple(row) for row in reported["data"]),
    )


def major_units(minor: Any, currency: Any) -> Decimal | None:
    """Exact amount in major units; None when there is no amount, or no currency whose digits are known."""
    if minor is None or not is_currency(currency):
        return None
    return Money(int(minor), str(currency)).major


def as_table(answer: Answer, *, title: str | None = None, leave_out_empty: bool = False) -> Table:
    """Return a table for people: money in major units with separators, instants to the second, amounts to the right.

    Where a record stands (topic, partition, offset) is one last column. leave_out_empty leaves out
    columns that are empty in every row, and names them below.
    """
    table = Table(title=title, title_justify="left", header_style="bold")
    located = set(COORDINATES) <= set(answer.columns)
    shown = [
        (column.removesuffix(MINOR), column, kind)
        for column, kind in zip(answer.columns, answer.types, strict=True)
        if not located or column not in COORDINATES
    ]
    rows = [[_for_people(record, heading, column) for heading, column, _ in shown] for record in answer.records]
    empty = [n for n in range(len(shown)) if leave_out_empty and all(row[n] in ("", "[]") for row in rows)]
    for number, (heading, column, kind) in enumerate(shown):
        if number not in empty:
            right = column.endswith(MINOR) or "Int" in kind or "Float" in kind
            table.add_column(heading.replace("_", " "), justify="right" if right else "left", overflow="fold")
    if located:
        table.add_column("record", overflow="fold")
    for row, record in zip(rows, answer.records, strict=True):
        cells = [text for number, text in enumerate(row) if number not in empty]
        if located:
            cells.append("/".join(str(record[column]) for column in COORDINATES))
        table.add_row(*map(Text, cells))
    if empty and rows:
        table.caption = f"empty in every row: {', '.join(shown[number][0].replace('_', ' ') for number in empty)}"
        table.caption_justify = "left"
    return table


def separated(major: str) -> str:
    """Return an amount in major units with separators for people, exact: 1,234.50."""
    return f"{Decimal(major):,}"


def as_csv(answer: Answer) -> str:
    """RFC 4180 with a header row; no cell is a formula, and each is one line, since it may be shown on a terminal."""
    out = io.StringIO()
    if answer.columns:
        empty = dict.fromkeys(answer.columns)
        writer = csv.DictWriter(out, fieldnames=list(answer.records[0] if answer.records else empty))
        writer.writeheader()
        writer.writerows(
            {name: for_spreadsheet(_one_line(flat(value))) for name, value in record.items()}
            for record in answer.records
        )
    return out.getvalue()


def as_json(answer: Answer) -> str:
    """Return a list of records, safe on a terminal too."""
    return for_json(answer.records, indent=2) + "\n"


def as_parquet(
    reader: SqlReader,
    report: Report,
    values: Mapping[str, str],
    *,
    as_of: datetime | None = None,
    days: Days | None = None,
) -> bytes:
    """Return the engine's own Parquet with a decimal column in major units behind each minor one."""
    # Imported here: 160 MB of Arrow that only this one format needs.
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = period_of(report) if days is not None else ""
    reported = pq.read_table(io.BytesIO(reader.query(report.sql, values, output_format="Parquet", as_of=as_of)))
    if days is not None:
        reported = reported.filter(
            pa.array([days.hold(value) for value in reported.column(column).to_pylist()], pa.bool_())
        )
    currencies = (
        reported.column("currency").to_pylist() if "currency" in reported.column_names else [None] * reported.num_rows
    )
    for column in [name for name in reported.column_names if name.endswith(MINOR)]:
        reported = _exact_integers(reported, column)
        major = [major_units(*pair) for pair in zip(reported.column(column).to_pylist(), currencies, strict=True)]
        position = reported.column_names.index(column) + 1
        reported = reported.add_column(
            position, column.removesuffix(MINOR), pa.array(major, pa.decimal128(38, _MAJOR_SCALE))
        )
    out = io.BytesIO()
    pq.write_table(reported, out)
    return out.getvalue()


def _exact_integers(table: Any, column: str) -> Any:
    """Return the Arrow table with Int128 columns, 16 bytes in ClickHouse, as decimals without fraction."""
    import pyarrow as pa  # as above

    found = table.column(column)
    if not pa.types.is_fixed_size_binary(found.type):
        return table
    whole = [
        None if value is None else Decimal(int.from_bytes(value, "little", signed=True)) for value in found.to_pylist()
    ]
    return table.set_column(table.column_names.index(column), column, pa.array(whole, pa.decimal128(38, 0)))


def _instant(value: str) -> str:
    return value.replace(" ", "T") + "Z"


def flat(value: Any) -> Any:
    """Return a value as one cell holds it: a list or object as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _one_line(value: Any) -> Any:
    return for_terminal(value) if isinstance(value, str) else value


def _for_people(record: Mapping[str, Any], heading: str, column: str) -> str:
    value = record[column]
    if column.endswith(MINOR) and record.get(heading) is not None:
        return separated(str(record[heading]))
    if value is None:
        return ""
    if column.endswith(MINOR) and record.get("currency") and record.get(heading) is None:
        return f"{value} minor units"  # of a currency that nobody knows: its digits are not guessed
    text = without_sealed(for_terminal(str(flat(value))))
    return text[:19].replace("T", " ") if re.match(r"^\d{4}-\d\d-\d\dT", text) else text
