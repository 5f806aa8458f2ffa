"""`saldo report`: what it needs is given in order or by name; what is missing is said with a line to copy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openpyxl import load_workbook

from app.cli.errors import CannotRun
from app.cli.report import Format, _format_of, _given, _show
from projections.reports import questions
from projections.reports.questions import Answer
from tests.support.cli import saldo

STORY = questions.load("story_of_one_payment")


@pytest.mark.parametrize("words", [["395"], ["paytrace_transaction_id=395"]])
def test_in_order_or_by_name(words: list[str]) -> None:
    assert _given(STORY, words) == {"paytrace_transaction_id": "395"}


def test_a_default_may_be_left_out_or_given() -> None:
    items = questions.load("open_items")
    assert _given(items, []) == {}
    assert _given(items, ["2026-11-30"]) == {"today": "2026-11-30"}


@pytest.mark.parametrize("words", [[], ["395", "396"], ["paytrace_transaction_id=395", "396"]])
def test_too_few_or_too_many_are_answered_with_a_line_to_copy(words: list[str]) -> None:
    with pytest.raises(CannotRun, match=r"saldo report story_of_one_payment PAYTRACE_TRANSACTION_ID   PAYTRACE_TRAN"):
        _given(STORY, words)


def test_a_report_without_parameters_says_so() -> None:
    with pytest.raises(CannotRun, match=r"takes no parameters; ask it with: saldo report bridge_by_currency"):
        _given(questions.load("bridge_by_currency"), ["x"])


def test_the_list_shows_how_each_is_asked() -> None:
    listed = saldo("report").out
    assert "ask it with: saldo report story_of_one_payment PAYTRACE_TRANSACTION_ID" in listed
    assert "saldo report open_items [TODAY]" in listed


def test_a_table_in_a_file_is_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer(("state", "payments"), ("String", "UInt64"), (("SETTLED", 3), ("VOIDED", 1)))
    _show(answer, Format.TABLE, tmp_path / "out.txt", title="Where is it?")
    text = (tmp_path / "out.txt").read_text("utf-8")
    assert all(word in text for word in ("Where is it?", "state", "SETTLED", "VOIDED"))
    assert capsys.readouterr().out == ""


def test_the_file_s_name_says_how_it_is_written_and_contradictions_are_refused(tmp_path: Path) -> None:
    assert _format_of(None, None, None) is Format.TABLE
    assert _format_of(None, tmp_path / "x.txt", None) is Format.TABLE
    assert _format_of(None, tmp_path / "x.XLSX", None) is Format.XLSX
    assert _format_of(None, tmp_path / "x.csv", "de_DE") is Format.CSV
    assert _format_of(None, None, "de_DE") is Format.CSV
    assert _format_of(Format.JSON, tmp_path / "x.out", None) is Format.JSON
    for given, words in (
        ((Format.CSV, tmp_path / "x.xlsx", None), "make them agree"),
        ((Format.JSON, None, "de_DE"), "--locale is for csv"),
        ((None, tmp_path / "x.parquet", "de_DE"), "--locale is for csv"),
        ((Format.XLSX, None, None), "-o NAME.xlsx"),
    ):
        with pytest.raises(CannotRun, match=words):
            _format_of(*given)


def test_a_workbook_and_a_local_csv_are_written(tmp_path: Path) -> None:
    answer = Answer(("n", "amount_minor", "currency"), ("UInt8", "Int64", "String"), ((1, 150, "EUR"),))
    _show(answer, Format.XLSX, tmp_path / "x.xlsx", title="Why?", name="why", about={"question": "Why?"})
    assert load_workbook(tmp_path / "x.xlsx")["why"]["B2"].value == 1.5
    _show(answer, Format.CSV, tmp_path / "x.csv", title="Why?", locale="de_DE")
    assert (tmp_path / "x.csv").read_bytes() == "\ufeffn;amount;currency\r\n1;1,50;EUR\r\n".encode()


def test_a_report_without_a_period_says_which_have_one(tmp_path: Path) -> None:
    said = saldo("report", "bridge_by_currency", "--period", "2026-11")
    assert said.exit_code == 2
    assert "bridge_by_currency has no period" in said.err
    assert "bridge_by_day" in said.err
    for words, expected in (
        (("--period", "soon"), "is no period; say 2026"),
        (("--as-of", "2999-01-01"), "has not come yet"),
        (("--period", "2026", "--from", "2026-01-01"), "give one of them"),
    ):
        assert expected in saldo("report", "bridge_by_day", *words).err


def wide(columns: int, text: str) -> questions.Answer:
    names = (
        *(f"column_{number}" for number in range(columns)),
        "amount_minor",
        "note",
        "currency",
        *questions.COORDINATES,
    )
    kinds = (*("String",) * columns, "Int64", "String", "String", "String", "Int32", "Int64")
    row = (*(text,) * columns, 217_392_81, "", "USD", "settlement.events.v1", 1, 63)
    return questions.Answer(names, kinds, (row, row))


@pytest.mark.parametrize("columns", [1, 3, 6, 12, 30])
@pytest.mark.parametrize(
    "text", ["main/USD", "main/2026-11-28/070067c1dbec527e", "no settled money of the days before it is open"]
)
def test_no_line_of_a_report_is_longer_than_120_and_no_value_is_cut(
    columns: int, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.txt"
    _show(wide(columns, text), Format.TABLE, file, title="What does nothing explain?")
    _show(wide(columns, text), Format.TABLE, None, title="What does nothing explain?")
    for page in (file.read_text("utf-8"), capsys.readouterr().out):
        assert max(map(len, page.splitlines())) <= 120
        letters = re.sub(r"[^\w/.,]", "", page)
        assert letters.count("217,392.81") == 2
        for word in text.split():
            assert word in page or word[:20] in page


def test_programs_get_amounts_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    _show(wide(1, "x"), Format.CSV, file, title=None)
    assert file.read_text("utf-8").splitlines()[1] == "x,21739281,217392.81,,USD,settlement.events.v1,1,63"


@pytest.mark.parametrize("output_format", list(Format)[:3])
def test_a_file_that_cannot_be_written_is_named(output_format: Format, tmp_path: Path) -> None:
    for place, why in ((tmp_path / "nowhere" / "x.csv", "No such file"), (Path("/dev/full"), "No space left")):
        with pytest.raises(CannotRun, match=rf"^can't write {place}: {why}.*; name another file with -o$"):
            _show(wide(1, "x"), output_format, place, title=None)
