"""Answers as files that people open: a workbook with typed cells, and csv in the reader's own locale.

Both show money in major units only and say that instants are UTC, as the table on a terminal does. What programs read
(csv without a locale, json, parquet) is in reports.py. A text of others is a text here, whatever it begins with.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import get_currency_precision, get_decimal_symbol

from projections.reports.questions import MINOR, Answer, flat, major_units
from projections.store.errors import QueryRefused
from schemas.values.foreign_text import for_spreadsheet, for_workbook

if TYPE_CHECKING:
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

# Rows of a sheet, of which the heading takes one; and digits that a cell keeps of a number.
_MOST_ROWS: Final = 1_048_576 - 1
_EXACT_DIGITS: Final = 15
# Days before this one are not numbers to a spreadsheet.
_FIRST_DAY: Final = date(1900, 3, 1)
_NARROWEST, _WIDEST = 8, 60
_ROWS_MEASURED: Final = 1_000
# Words (Bulgarian has one behind the year), and marks that turn the reading order.
_WORDS: Final = re.compile(r"'[^']*'\.?|[\u200e\u200f\u061c]")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}", re.ASCII)
_YEAR: Final = re.compile(r"y+")


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in major units."""

    major: Decimal
    currency: str


Value = str | int | Decimal | date | datetime | Amount | bool | None


def as_workbook(answer: Answer, *, title: str, about: Mapping[str, str]) -> bytes:
    """Return an xlsx file: one sheet of typed cells under a heading that stays, and one that says what was asked.

    Raises: QueryRefused when there are more rows than a sheet takes.
    """
    # Imported here: the command line should start without them.
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    if len(answer.rows) > _MOST_ROWS:
        raise QueryRefused(
            f"{len(answer.rows):,} rows are more than the {_MOST_ROWS:,} that a sheet takes; "
            "ask a shorter period, or write csv or parquet",
            code="FORMAT",
        )
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    headings, rows = _headings(answer), list(_rows(answer))
    for number, width in enumerate(_widths(headings, rows), start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "A2"
    if rows:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(headings))}{len(rows) + 1}"
    bold = Font(bold=True)

    def heading(text: str) -> Any:
        cell = WriteOnlyCell(sheet, for_workbook(text))
        cell.data_type, cell.font = "s", bold
        return cell

    sheet.append([heading(text) for text in headings])
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    notes = book.create_sheet("about")
    notes.column_dimensions["A"].width, notes.column_dimensions["B"].width = 24, 100
    for name, text in about.items():
        notes.append([_cell(notes, name), _cell(notes, text)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_local_csv(answer: Answer, locale_name: str) -> bytes:
    """Csv as a spreadsheet of that locale opens it: its decimal mark, its form of a day, `;` where the mark is a comma.

    It begins with a byte order mark, by which spreadsheets know UTF-8.
    Raises: QueryRefused for a locale that nobody knows.
    """
    locale = known_locale(locale_name)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if get_decimal_symbol(locale) == "," else ",")
    writer.writerow(_headings(answer))
    for row in _rows(answer):
        writer.writerow([for_spreadsheet(_in(locale, value)) for value in row])
    return out.getvalue().encode("utf-8-sig")


def known_locale(name: str) -> Locale:
    """Return the locale of a name: de_DE, de-DE, de.

    Raises: QueryRefused saying how one is written.
    """
    try:
        if not _LOCALE.fullmatch(name):
            raise ValueError
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise QueryRefused(f"{name[:40]!r} is no locale; say e.g. de_DE, en_US or fr_CH", code="LOCALE") from None


def _headings(answer: Answer) -> list[str]:
    return [
        f"{column.removesuffix(MINOR).replace('_', ' ')}{' (UTC)' if 'DateTime' in kind else ''}"
        for column, kind in zip(answer.columns, answer.types, strict=True)
    ]


def _rows(answer: Answer) -> Iterator[list[Value]]:
    for row in answer.rows:
        currency = dict(zip(answer.columns, row, strict=True)).get("currency")
        yield [
            _value(column, kind, value, currency)
            for column, kind, value in zip(answer.columns, answer.types, row, strict=True)
        ]


def _value(column: str, kind: str, value: Any, currency: Any) -> Value:
    """Return one value as what it is; kind is ClickHouse's type of the column."""
    plain = kind.removeprefix("LowCardinality(").removeprefix("Nullable(").rstrip(")")
    if value is None:
        return None
    if column.endswith(MINOR):
        major = major_units(value, currency)
        # Of a currency that nobody knows the digits are not guessed.
        return f"{value} minor units" if major is None else Amount(major, str(currency))
    if plain.startswith("DateTime"):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if plain.startswith("Date"):
        return date.fromisoformat(value)
    if plain.startswith("Bool"):
        return bool(value)
    if plain.startswith(("Int", "UInt")) and not plain.startswith("Interval"):
        return int(value)
    if plain.startswith(("Float", "Decimal")):
        return Decimal(str(value))
    return str(flat(value))


def _cell(sheet: WriteOnlyWorksheet, value: Value) -> Any:
    """Return a cell of the value's own type; a text is typed as one, so that it is never a formula."""
    from openpyxl.cell import WriteOnlyCell

    shown: Any = None
    number_format = "General"
    match value:
        case None:
            pass
        case Amount(major, currency):
            digits = get_currency_precision(currency)
            shown = major if len(major.as_tuple().digits) <= _EXACT_DIGITS else f"{major} {currency}"
            number_format = f'#,##0{"." + "0" * digits if digits else ""} "{currency}"'
        case bool():
            shown = value
        case int() | Decimal():
            exact = len(Decimal(value).as_tuple().digits) <= _EXACT_DIGITS
            shown = value if exact and Decimal(value).is_finite() else str(value)
        case datetime():
            naive = value.replace(tzinfo=None, microsecond=0)
            shown = naive if naive.date() >= _FIRST_DAY else naive.isoformat(" ")
            number_format = "yyyy-mm-dd hh:mm:ss"
        case date():
            shown = value if value >= _FIRST_DAY else value.isoformat()
            number_format = "yyyy-mm-dd"
        case str():
            shown = for_workbook(value)
    cell = WriteOnlyCell(sheet, shown)
    if isinstance(shown, str):
        cell.data_type = "s"  # the library takes "=..." for a formula and "#N/A" for an error
        # As if typed with an apostrophe in front: it stays a text when somebody edits the cell.
        cell.quotePrefix = for_spreadsheet(shown) != shown
    elif shown is not None:
        cell.number_format = number_format
    return cell


def _widths(headings: Sequence[str], rows: Sequence[Sequence[Value]]) -> list[float]:
    widths = [len(heading) for heading in headings]
    for row in rows[:_ROWS_MEASURED]:
        widths = [max(width, len(_measured(value))) for width, value in zip(widths, row, strict=True)]
    return [min(_WIDEST, max(_NARROWEST, width + 2)) for width in widths]


def _measured(value: Value) -> str:
    match value:
        case Amount(major, currency):
            return f"{major:,} {currency}"
        case datetime():
            return "2026-11-24 00:00:00"
        case _:
            return str(value if value is not None else "")


def _in(locale: Locale, value: Value) -> str:
    match value:
        case None:
            return ""
        case Amount(major, currency):
            return _number(locale, f"{major:.{get_currency_precision(currency)}f}")
        case bool():
            return str(int(value))
        case int():
            return str(value)
        case Decimal():
            return _number(locale, f"{value:f}")
        case datetime():
            return f"{_day(locale, value.date())} {value:%H:%M:%S}"
        case date():
            return _day(locale, value)
        case _:
            return value


def _number(locale: Locale, plain: str) -> str:
    """Return a number with the locale's decimal mark, an ASCII minus and nothing between the thousands."""
    return plain.replace(".", get_decimal_symbol(locale))


def _day(locale: Locale, day: date) -> str:
    """Return the locale's short form with all digits of the year, which spreadsheets read as a day."""
    pattern = _WORDS.sub("", locale.date_formats["short"].pattern).strip()
    return str(format_date(day, _YEAR.sub("yyyy", pattern), locale=locale))
