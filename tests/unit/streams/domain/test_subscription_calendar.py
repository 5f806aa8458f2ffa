"""Days on which runs are due, and what parts of periods come to: our own table of cases."""

from __future__ import annotations

from datetime import date
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.subscriptions import RecurrenceFrequency as F
from schemas.values.exchange import share_of
from streams.domain.subscriptions.calendar import due_days, full_period_before, is_known, period_of


def days(start: str, frequency: F, count: int, anchor: int | None = None) -> list[str]:
    return [day.isoformat() for day in islice(due_days(date.fromisoformat(start), frequency, anchor), count)]


@pytest.mark.parametrize(
    ("start", "frequency", "anchor", "expected"),
    [
        ("2027-12-31", F.MONTHLY, None, ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]),
        ("2026-12-30", F.MONTHLY, None, ["2026-12-30", "2027-01-30", "2027-02-28", "2027-03-30"]),
        ("2026-12-10", F.MONTHLY, 31, ["2026-12-10", "2026-12-31", "2027-01-31", "2027-02-28"]),
        ("2026-12-31", F.MONTHLY, 15, ["2026-12-31", "2027-01-15", "2027-02-15", "2027-03-15"]),
        ("2026-12-15", F.MONTHLY, 15, ["2026-12-15", "2027-01-15", "2027-02-15", "2027-03-15"]),
        ("2028-02-29", F.YEARLY, None, ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28"]),
        ("2026-11-30", F.QUARTERLY, None, ["2026-11-30", "2027-02-28", "2027-05-30", "2027-08-30"]),
        ("2026-08-31", F.EVERY_SIX_MONTHS, None, ["2026-08-31", "2027-02-28", "2027-08-31", "2028-02-29"]),
        ("2026-12-01", F.FIRST_AND_FIFTEENTH, None, ["2026-12-01", "2026-12-15", "2027-01-01", "2027-01-15"]),
        ("2026-12-20", F.FIRST_AND_FIFTEENTH, None, ["2026-12-20", "2027-01-01", "2027-01-15", "2027-02-01"]),
        ("2027-03-08", F.WEEKLY, None, ["2027-03-08", "2027-03-15", "2027-03-22", "2027-03-29"]),
        ("2026-10-30", F.DAILY, None, ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"]),
        ("2026-12-24", F.EVERY_TWO_WEEKS, None, ["2026-12-24", "2027-01-07", "2027-01-21", "2027-02-04"]),
    ],
)
def test_the_calendar(start: str, frequency: F, anchor: int | None, expected: list[str]) -> None:
    assert days(start, frequency, 4, anchor) == expected


def test_of_a_frequency_that_nobody_knows_only_the_first_day_is_known() -> None:
    assert days("2026-12-01", F.UNKNOWN, 3) == ["2026-12-01"]


@pytest.mark.parametrize(
    ("amount", "part", "whole", "expected"),
    [
        (3100, 31, 31, 3100),
        (3000, 21, 31, 2032),  # 2032.26
        (2495, 14, 28, 1248),  # 1247.5, half up
        (-2495, 14, 28, -1248),
        (100, 1, 365, 0),  # 0.27
        (1, 1, 2, 1),
        (0, 3, 30, 0),
        (99_999_999_999, 1, 3, 33_333_333_333),
    ],
)
def test_a_part_of_a_period(amount: int, part: int, whole: int, expected: int) -> None:
    assert share_of(amount, part, whole) == expected


def test_a_period_is_found_and_a_short_first_one_is_measured_by_a_whole_one() -> None:
    first = date(2026, 12, 10)
    assert period_of(first, F.MONTHLY, 31, date(2026, 12, 30)) == (first, date(2026, 12, 31))
    assert period_of(first, F.MONTHLY, 31, date(2026, 12, 31)) == (date(2026, 12, 31), date(2027, 1, 31))
    assert full_period_before(date(2026, 12, 31), F.MONTHLY, 31) == date(2026, 11, 30)
    with pytest.raises(ValueError, match="lies before"):
        period_of(first, F.MONTHLY, 31, date(2026, 12, 9))


@settings(max_examples=40, deadline=None)
@given(
    st.dates(date(2024, 1, 1), date(2032, 12, 31)),
    st.sampled_from([one for one in F if is_known(one)]),
    st.none() | st.integers(1, 31),
)
def test_days_ascend_and_parts_of_a_period_add_up(start: date, frequency: F, anchor: int | None) -> None:
    found = list(islice(due_days(start, frequency, anchor), 12))
    assert found == sorted(set(found))
    begins, ends = period_of(start, frequency, anchor, found[5])
    whole = (ends - begins).days
    cut = whole // 3
    assert abs(share_of(4999, cut, whole) + share_of(4999, whole - cut, whole) - 4999) <= 1
