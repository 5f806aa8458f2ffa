"""A schedule is due once for each of its local times: in zones, over changes of clocks, and after a pause."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.schedules.due import MOST_COUNTED, due_times, owed
from app.settings.schedules import OneSchedule

NEW_YORK, BERLIN, SYDNEY = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(cron: str, zone: str, after: str, count: int) -> list[str]:
    times = islice(due_times(cron, zone, at(after)), count)
    return [due.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") for due in times]


def test_a_time_that_does_not_exist_is_due_once_when_the_clocks_have_gone_forward() -> None:
    assert local("30 2 * * *", NEW_YORK, "2026-03-07T12:00", 2) == ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]
    assert local("30 2 * * *", BERLIN, "2026-03-28T12:00", 2) == ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]


def test_a_time_that_exists_twice_is_due_once() -> None:
    assert local("30 1 * * *", NEW_YORK, "2026-10-31T12:00", 2) == ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]


@pytest.mark.parametrize("after", ["2026-11-01T05:30", "2026-11-01T05:40", "2026-11-01T06:10", "2026-11-01T06:40"])
def test_asked_within_the_hour_that_exists_twice_it_is_not_due_again(after: str) -> None:
    assert local("30 1 * * *", NEW_YORK, after, 1) == ["2026-11-02T01:30-05:00"]


def test_what_is_due_each_hour_is_due_as_often_as_hours_pass() -> None:
    found = local("0 * * * *", NEW_YORK, "2026-11-01T04:00", 3)
    assert found == ["2026-11-01T01:00-04:00", "2026-11-01T01:00-05:00", "2026-11-01T02:00-05:00"]


def test_the_last_day_of_a_month() -> None:
    found = local("0 6 L * *", BERLIN, "2028-01-31T12:00", 2)
    assert found == ["2028-02-29T06:00+01:00", "2028-03-31T06:00+02:00"]


def test_of_missed_times_the_newest_is_owed_and_the_others_are_counted() -> None:
    found = owed("0 6 * * *", "UTC", at("2026-11-20T06:00"), at("2026-11-23T09:00"))
    assert found is not None
    assert (found.due_at, found.missed_count) == (at("2026-11-23T06:00"), 2)
    assert found.missed_since_at == at("2026-11-21T06:00")
    assert owed("0 6 * * *", "UTC", found.due_at, at("2026-11-24T05:59")) is None


def test_a_year_of_missed_minutes_is_counted_up_to_a_bound_and_the_newest_is_run() -> None:
    found = owed("* * * * *", NEW_YORK, at("2025-11-20T06:00"), at("2026-11-20T06:00:30"))
    assert found is not None
    assert (found.due_at, found.missed_count) == (at("2026-11-20T06:00"), MOST_COUNTED - 1)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["30 1 * * *", "30 2 * * *", "15 0 * * *", "0 3 * * 0"]),
    st.sampled_from([NEW_YORK, BERLIN, SYDNEY, "UTC"]),
    st.integers(0, 366 * 24 * 4),
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
)
def test_however_often_it_is_looked_no_due_time_is_run_twice_or_left_out(
    cron: str, zone: str, start: int, pauses: list[int]
) -> None:
    begun = at("2026-01-01T00:00") + timedelta(minutes=15 * start)
    now, up_to, count = begun, begun, 0
    for pause in pauses:
        now += timedelta(hours=pause)
        found = owed(cron, zone, up_to, now)
        if found is not None:
            assert up_to < found.due_at <= now
            up_to, count = found.due_at, count + 1 + found.missed_count
    days = {due.astimezone(ZoneInfo(zone)).date() for due in due_times_until(cron, zone, begun, now)}
    assert count == len(days)


def due_times_until(cron: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    found: list[datetime] = []
    for due in due_times(cron, zone, after):
        if due > until:
            return found
        found.append(due)
    return found


def test_a_dunning_run_can_be_scheduled_for_its_day() -> None:
    command = "subscriptions dun {due_on} --why 'dunning run of the day'"
    found = OneSchedule.model_validate({"cron": "0 9 * * 1-5", "command": command})
    assert found.words(date(2026, 12, 1)) == ("subscriptions", "dun", "2026-12-01", "--why", "dunning run of the day")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cron": "61 * * * *"}, "no cron expression"),
        ({"cron": "every day at six o'clock"}, "no cron expression"),
        ({"cron": "0 6 30 2 *"}, "no cron expression"),
        ({"cron": "0 0 6 * * *"}, "five fields"),
        ({"zone": "Mars/Olympus"}, "no time zone"),
        ({"command": "decide write-off 4711"}, "can't be scheduled"),
        ({"command": "report x -o {today}"}, "{due_on} and {day_before}"),
        ({"command": 'report "x'}, "No closing quotation"),
        ({"ends_within_s": 0}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("{", r"\{")):
        OneSchedule.model_validate({"cron": "0 6 * * *", "command": "close-day", **changed})
