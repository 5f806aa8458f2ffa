"""What a Retry-After asks for and what of it is granted: any text, never more than the bound."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.failures import Unavailable
from schemas.failures.waiting import LONGEST_WAIT_S, MOST_WAIT_S, Pause, asked_wait_s, bounded_wait_s, seconds_in_words

FOR_EVER_S = 100 * 366 * 86_400.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 120.5 ", 120.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("-0.5", 0.0),
        ("100000", 100_000.0),
        ("9" * 400, FOR_EVER_S),
        ("00000000000000000000005", 5.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("1_000", None),
        ("٣", None),
        ("5, 10", None),
        ("120 s", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", FOR_EVER_S),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Sun Nov  6 08:49:37 1994", 0.0),
        ("Fri, 99 Foo 9999", None),
        ("Mon, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_a_header_asks_for_seconds_or_for_nothing(header: str | None, seconds: float | None) -> None:
    assert asked_wait_s(header) == seconds


def test_a_date_is_counted_from_the_other_sides_clock() -> None:
    theirs = datetime.now(UTC) + timedelta(days=3)
    date, later = (format_datetime(at, usegmt=True) for at in (theirs, theirs + timedelta(seconds=90)))
    assert asked_wait_s(later, date=date) == 90.0
    assert asked_wait_s(later, date="no date") == pytest.approx(3 * 86_400 + 90, abs=5)
    assert asked_wait_s(date, date=later) == 0.0


@given(st.text(max_size=40), st.none() | st.text(max_size=40))
def test_any_text_is_finite_or_nothing(header: str, date: str | None) -> None:
    asked_s = asked_wait_s(header, date=date)
    assert asked_s is None or 0 <= asked_s <= FOR_EVER_S


@given(st.none() | st.floats(), st.floats(min_value=0.001, max_value=1e9))
def test_what_is_granted_has_a_bound(asked_s: float | None, longest_s: float) -> None:
    granted_s = bounded_wait_s(asked_s, longest_s)
    assert 0 <= granted_s <= min(longest_s, MOST_WAIT_S)
    if asked_s is not None and 0 <= asked_s <= min(longest_s, MOST_WAIT_S):
        assert granted_s == asked_s


def test_a_pause_holds_for_the_bound_and_says_what_was_asked() -> None:
    now_s = [1000.0]
    pause = Pause(clock=lambda: now_s[0])
    assert pause.running() is None
    assert pause.ask("garbage") is None
    assert pause.running() is None
    asked = pause.ask("100000")
    assert asked is not None
    assert (asked.asked_s, asked.granted_s) == (100_000.0, LONGEST_WAIT_S)
    assert "to be left alone for 27.8 hours, bounded to 300 s" in asked.in_words()
    pause.ask("1")  # a later and shorter ask does not shorten what holds
    running = pause.running()
    assert running == (asked, LONGEST_WAIT_S)
    now_s[0] += LONGEST_WAIT_S
    assert pause.running() is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0.2 s"),
        (7, "7 s"),
        (600, "600 s"),
        (100_000, "27.8 hours"),
        (1e6, "11.6 days"),
        (1e9, "longer than a year"),
    ],
)
def test_seconds_for_people(seconds: float, words: str) -> None:
    assert seconds_in_words(seconds) == words


def test_a_failure_knows_what_was_asked_and_what_is_granted() -> None:
    assert Unavailable("x", retry_after_s=7.0).asked_s == 7.0
    assert Unavailable("x", retry_after_s=300.0, asked_s=math.inf).asked_s == math.inf
