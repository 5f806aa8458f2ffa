"""Workbooks and csv of a locale: every value is what it is, and a text of others is never a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from projections.reports.days import Days, days_of, instant_of
from projections.reports.for_people import as_local_csv, as_workbook
from projections.reports.questions import Answer
from projections.store.errors import QueryRefused

ANSWER = Answer(
    ("id", "day", "at", "amount_minor", "currency", "item_count", "rate", "note"),
    ("String", "Nullable(Date32)", "DateTime64(6, 'UTC')", "Int128", "String", "UInt64", "Float64", "Array(String)"),
    (
        ("007", "2026-11-24", "2026-11-24 20:01:02.345678", -1_234_567, "USD", 3, 0.25, ["a"]),
        ("=1+1", None, "2026-01-02 00:00:00.000000", 1_234, "JPY", 0, 1.0, []),
        ("+49 30 \x1b[2J", "1850-01-01", "1850-01-01 00:00:00.000000", 5, "XQX", 10**17, 0.1, ["x" * 40_000]),
        ("#N/A", "2026-11-25", "2026-11-25 00:00:00.000000", 1_500, "KWD", 1, -2.5, ["=cmd|' /C calc'!A0"]),
    ),
)


def naive(*parts: int) -> datetime:
    """A workbook knows no zones."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc,arg-type]


@pytest.fixture(scope="module")
def sheet() -> Worksheet:
    book = load_workbook(io.BytesIO(as_workbook(ANSWER, title="x" * 40, about={"question": "=What?"})))
    assert [cell.value for cell in book["about"][1]] == ["question", "=What?"]
    assert book["about"]["B1"].data_type == "s"
    assert book.sheetnames[0] == "x" * 31
    return book.worksheets[0]


def test_a_workbook_has_types_formats_and_a_heading_that_stays(sheet: Worksheet) -> None:
    headings = [cell.value for cell in sheet[1]]
    assert headings == ["id", "day", "at (UTC)", "amount", "currency", "item count", "rate", "note"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:H5"
    first = sheet[2]
    assert [cell.value for cell in first[:7]] == [
        "007", naive(2026, 11, 24), naive(2026, 11, 24, 20, 1, 2), -12345.67, "USD", 3, 0.25,
    ]  # fmt: skip
    assert first[3].number_format == '#,##0.00 "USD"'
    assert (first[1].number_format, first[2].number_format) == ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss")
    assert (sheet["D3"].value, sheet["D3"].number_format) == (1234, '#,##0 "JPY"')
    assert (sheet["D5"].value, sheet["D5"].number_format) == (1.5, '#,##0.000 "KWD"')
    assert sheet["B3"].value is None
    assert sheet.column_dimensions["A"].width >= 8


def test_what_a_spreadsheet_cannot_hold_is_a_text_and_nothing_is_rounded(sheet: Worksheet) -> None:
    assert sheet["D4"].value == "5 minor units", "the digits of a currency that nobody knows are not guessed"
    assert (sheet["B4"].value, sheet["C4"].value) == ("1850-01-01", "1850-01-01 00:00:00")
    assert sheet["F4"].value == str(10**17), "a cell keeps 15 digits"
    exact = Answer(("n",), ("UInt64",), ((2**63 + 1,),))
    book = load_workbook(io.BytesIO(as_workbook(exact, title="n", about={})))
    assert book.worksheets[0]["A2"].value == str(2**63 + 1)
    assert sheet["H4"].value.endswith("[cut here: a cell takes 32,767 characters]")
    assert len(sheet["H4"].value) == 32_767


def test_no_cell_of_a_workbook_is_a_formula(sheet: Worksheet) -> None:
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d", "inlineStr"}
    assert (sheet["A3"].value, sheet["A3"].data_type, sheet["A3"].quotePrefix) == ("=1+1", "s", True)
    assert (sheet["A5"].value, sheet["A5"].data_type) == ("#N/A", "s")
    assert sheet["A4"].value == "+49 30 \\x1b[2J"


def test_more_rows_than_a_sheet_takes_are_refused_and_never_cut() -> None:
    many = Answer(("n",), ("UInt8",), ((1,),) * 1_048_576)
    with pytest.raises(QueryRefused, match="1,048,575"):
        as_workbook(many, title="n", about={})


@pytest.mark.parametrize(
    ("locale", "delimiter", "row"),
    [
        ("de_DE", ";", ["007", "24.11.2026", "24.11.2026 20:01:02", "-12345,67", "USD", "3", "0,25", '["a"]']),
        ("de-AT", ";", ["007", "24.11.2026", "24.11.2026 20:01:02", "-12345,67", "USD", "3", "0,25", '["a"]']),
        ("en_US", ",", ["007", "11/24/2026", "11/24/2026 20:01:02", "-12345.67", "USD", "3", "0.25", '["a"]']),
        ("sv_SE", ";", ["007", "2026-11-24", "2026-11-24 20:01:02", "-12345,67", "USD", "3", "0,25", '["a"]']),
        ("bg_BG", ";", ["007", "24.11.2026", "24.11.2026 20:01:02", "-12345,67", "USD", "3", "0,25", '["a"]']),
    ],
)
def test_csv_of_a_locale_is_what_its_spreadsheets_read(locale: str, delimiter: str, row: list[str]) -> None:
    content = as_local_csv(ANSWER, locale)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=delimiter))
    assert rows[0][3:5] == ["amount", "currency"]
    assert rows[1] == row
    assert rows[2][:2] == ["'=1+1", ""]
    assert rows[2][3] == "1234"
    assert rows[4][3] == f"1{'.' if delimiter == ',' else ','}500"


def test_an_unknown_locale_is_named() -> None:
    for name in ("xx_XX", "", "de_DE; rm"):
        with pytest.raises(QueryRefused, match="is no locale"):
            as_local_csv(ANSWER, name)


# -- days --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
        ("2028-02", "2028-02-01", "2028-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-11-24", "2026-11-24", "2026-11-24"),
        ("2026-11-01..2026-11-24", "2026-11-01", "2026-11-24"),
        ("2026-01..2026-Q3", "2026-01-01", "2026-09-30"),
    ],
)
def test_a_period_has_a_first_and_a_last_day(period: str, first: str, last: str) -> None:
    days = days_of(period, None, None, zone="UTC")
    assert days == Days(date.fromisoformat(first), date.fromisoformat(last), "UTC")
    assert days_of(None, first, last, zone="UTC") == days


def test_what_is_no_period_says_how_one_is_written() -> None:
    for period in ("", "yesterday", "2026-13", "2026-02-30", "2026-Q5", "9999-99", "10000", "0000"):
        with pytest.raises(QueryRefused, match="is no period; say 2026"):
            days_of(period, None, None, zone="UTC")
    with pytest.raises(QueryRefused, match="ends before it begins"):
        days_of("2026-02..2026-01", None, None, zone="UTC")
    with pytest.raises(QueryRefused, match="one of them"):
        days_of("2026", "2026-01-01", None, zone="UTC")
    assert days_of(None, None, None, zone="UTC") is None
    open_end = days_of(None, "2026-11-24", None, zone="UTC")
    assert open_end is not None
    assert (open_end.hold("2026-11-23"), open_end.hold("2299-01-01")) == (False, True)


def test_an_instant_belongs_to_the_day_of_its_zone() -> None:
    days = Days(date(2026, 11, 24), date(2026, 11, 24), "America/Los_Angeles")
    assert days.hold("2026-11-25 07:59:59.999999")
    assert not days.hold("2026-11-25 08:00:00.000000")
    assert days.hold(datetime(2026, 11, 24, 8, tzinfo=UTC))
    assert not days.hold("2026-11-24 07:59:59")
    assert days.hold("2026-11-24")
    assert not days.hold(None)


def test_as_of_a_day_is_its_end_and_what_has_not_come_is_refused() -> None:
    now, zone = datetime(2026, 11, 25, 20, tzinfo=UTC), "Europe/Berlin"
    assert instant_of("2026-11-24", zone=zone, now=now) == datetime(2026, 11, 24, 22, 59, 59, 999999, tzinfo=UTC)
    assert instant_of("2026-11-25", zone=zone, now=now) == now, "today is up to now"
    assert instant_of("2026-11-24T15:30", zone=zone, now=now) == datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
    assert instant_of("2026-11-24T15:30+00:00", zone=zone, now=now) == datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
    for text in ("2026-11-26", "2026-11-25T22:00"):
        with pytest.raises(QueryRefused, match="has not come yet"):
            instant_of(text, zone=zone, now=now)
    for text in ("", "yesterday", "2026-11", "2026-02-30"):
        with pytest.raises(QueryRefused, match="is no day or time"):
            instant_of(text, zone=zone, now=now)
