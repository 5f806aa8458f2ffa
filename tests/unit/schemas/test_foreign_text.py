"""Foreign text in a spreadsheet and in JSON: it is read, and never acts."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest

from projections.reports.questions import Answer, as_csv, as_json
from schemas.values.foreign_text import for_spreadsheet

SIGNS = ("\x1b[2J", "\x9b2J", "\u202e", "\u2028", "\x07", "\r", "\x00", "\u2066", "\ufeff")


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+cmd", "-cmd", "@SUM(A1)", "|cmd", "%x", "\t=1", "\n=1", "\r=1", "\uff1d1"),
        *(
            f"{blank}=1"
            for blank in (" ", "  ", "\u00a0", "\u200b", "\ufeff", "\u2060", "\x00", "\x0b", "\u3000", "\u202e")
        ),
    ],
)
def test_nothing_before_a_formula_hides_it(text: str) -> None:
    assert for_spreadsheet(text).startswith("'")


@pytest.mark.parametrize(
    "text", ["a;=1", "a; =cmd|' /C calc'!A0", "a;\u00a0@SUM(A1)", "a\t=1", "a\n+cmd", "a;-cmd", ";=1"]
)
def test_no_formula_stands_behind_what_another_spreadsheet_takes_for_the_end_of_a_cell(text: str) -> None:
    """Excel in German separates by semicolons, and so splits what a comma has kept together."""
    for line in for_spreadsheet(text).splitlines():
        for part in line.replace("\t", ";").split(";"):
            assert part.strip()[:1] not in ("=", "@", "+", "-"), (text, part)


@pytest.mark.parametrize(
    "value", ["-12.50", "-1.234,50", "12", "RE-1; -5 EUR", "a = b", "mail@example.org", "a, =b", 7, None, ""]
)
def test_what_is_no_formula_stays(value: object) -> None:
    assert for_spreadsheet(value) == value


@pytest.mark.parametrize("sign", SIGNS)
def test_csv_and_json_of_a_report_move_no_cursor_and_no_reading_order(sign: str) -> None:
    payer = f"Jo{sign}confirmed by anna"
    answer = Answer(("payer",), ("String",), ((payer,),))
    for page in (as_csv(answer), as_json(answer)):
        inside = page.replace("\r\n", "").replace("\n", "")
        assert not [one for one in inside if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")]
    assert json.loads(as_json(answer)) == [{"payer": payer}]


def test_a_cell_of_two_lines_is_one() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(Answer(("payer",), ("String",), (("Jo\ndone, by anna",),))))))
    assert rows == [["payer"], ["Jo\\ndone, by anna"]]
