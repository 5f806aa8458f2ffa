"""Who and why: empty and placeholder words are no answer, in any script, case or dress; what people write is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.checks.attribution import name_problem, reason_problem, why_not_attributed

EMPTY = (
    "",
    " ",
    "\t\n",
    "\u00a0",
    "\u200b",
    "\u2060\ufeff",
    "\u3000",
    "\u3164",
    "\u2800",
    "\u115f",
    ".",
    "-",
    "...",
    "??",
    "'\"",
)
PLACEHOLDERS = (
    *("x", "X ", "xx", "xxxx", "aaaa", "test", "TEST", "Test.", "test test", "test 123", "t e s t", "testing"),
    *("asdf", "ASDFGH", "qwertz", "qwer", "n/a", "N.A.", "na", "none", "None!", "null", "nil", "-none-"),
    *("todo", "TODO:", "to-do: tbd", "tbd", "foo bar", "1", "123", "12345678", "ok", "yes", "because", "no reason"),
    *("\uff54\uff45\uff53\uff54", "te\u200bst", "abcd", "kein", "nichts", "unknown", "???test???"),
)
REASONS = (
    *("paid", "was RE-3", "by phone", "customer called", "freight", "not theirs", "mended", "test payment of the bank"),
    *(
        "INC-4711",
        "laut Schreiben",
        "Kulanz",
        "誤って入金",
        "ok by phone with Mr. No",
        "per e-mail 20.11.",
        "written again",
    ),
)
NAMES = ("mweber", "maria", "d.kurz", "Bo", "root", "o'neill", "李明", "range", "李")


@pytest.mark.parametrize("text", [*EMPTY, *PLACEHOLDERS])
def test_nothing_and_placeholders_are_no_reason_and_no_name(text: str) -> None:
    assert "is no reason" in reason_problem(text)
    assert "names nobody" in name_problem(text)
    assert why_not_attributed("mweber", text)
    assert why_not_attributed(text, "customer called")


@pytest.mark.parametrize("text", REASONS)
def test_what_people_write_is_a_reason(text: str) -> None:
    assert reason_problem(text) == ""


@pytest.mark.parametrize("text", NAMES)
def test_logins_and_names_are_names(text: str) -> None:
    assert name_problem(text) == ""
    assert why_not_attributed(text, "customer called") == ""


@pytest.mark.parametrize("text", ["me", "someone", "user", "nobody", "4711"])
def test_nobody_in_particular_is_no_name(text: str) -> None:
    assert name_problem(text)


@given(st.text(alphabet=st.characters(categories=["Z", "C", "P", "S", "M"]), max_size=20))
def test_text_without_a_letter_or_digit_never_counts(text: str) -> None:
    assert reason_problem(text)
    assert name_problem(text)


@given(st.text(max_size=30))
def test_any_text_gets_an_answer_that_can_be_printed(text: str) -> None:
    assert (reason_problem(text) + name_problem(text)).isascii()
