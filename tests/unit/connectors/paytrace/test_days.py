"""Which business day a row is of: the merchant's own, at midnight, when the clocks change, at the end of the year."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.paytrace import wire
from connectors.paytrace.errors import UnreadableRow
from connectors.paytrace.hook import read_hook
from connectors.paytrace.mapping import to_ach_observed, to_transaction_observed
from connectors.paytrace.readings import to_day
from connectors.paytrace.settings import PayTraceSettings
from schemas.records.payments import ObservedBy, TransactionObserved
from schemas.values.business_day import business_day, with_days
from streams.edges.publishing import content_digest

PACIFIC, BERLIN, AUCKLAND = ZoneInfo("America/Los_Angeles"), ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Auckland")
SEEN = datetime(2026, 11, 29, 7, 30, tzinfo=UTC)


def card(created: str, settled: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "transaction_id": 7,
        "transaction_type": "SALE",
        "amount": 1,
        "approval_code": "A",
        "status_code": "GB17" if settled else "Y",
        "status_message": "GB17" if settled else "Pending Settlement",
        "created": {"at": created},
        "settled": settled,
        **changes,
    }


def read(row: dict[str, Any], zone: ZoneInfo = PACIFIC, *, at: datetime = SEEN) -> TransactionObserved:
    convert = to_ach_observed if "transaction_status" in row else to_transaction_observed
    return convert(row, merchant="main", zone=zone, observed_at=at, observed_by=ObservedBy.POLL)


@pytest.mark.parametrize("zone", [PACIFIC, BERLIN, AUCKLAND])
@pytest.mark.parametrize(
    ("created", "day"),
    [
        ("11/1/2026 12:00:00 AM", date(2026, 11, 1)),
        ("11/1/2026 11:59:59 PM", date(2026, 11, 1)),  # the day on which clocks go back in Los Angeles
        ("3/8/2026 2:30:00 AM", date(2026, 3, 8)),  # an hour that Los Angeles does not have
        ("12/31/2026 11:59:59 PM", date(2026, 12, 31)),
        ("1/1/2027 12:00:00 AM", date(2027, 1, 1)),
        ("2/29/2028", date(2028, 2, 29)),
        ("2026-12-31T23:59:59", date(2026, 12, 31)),
    ],
)
def test_a_clock_text_is_of_the_day_that_it_says_in_every_zone(zone: ZoneInfo, created: str, day: date) -> None:
    seen = read(card(created, settled=created), zone)
    assert (seen.created_on, seen.settled_on) == (day, day)


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("2027-01-01T07:59:59Z", PACIFIC, date(2026, 12, 31)),
        ("2027-01-01T08:00:00Z", PACIFIC, date(2027, 1, 1)),
        ("2026-12-31T23:30:00Z", BERLIN, date(2027, 1, 1)),
        ("2026-12-31T20:00:00-08:00", BERLIN, date(2027, 1, 1)),
        # A date alone, as JSON writes it: the day itself, not the evening before it in Los Angeles.
        ("2026-11-20T00:00:00.000Z", PACIFIC, date(2026, 11, 20)),
        ("2026-11-20T00:00:00+00:00", PACIFIC, date(2026, 11, 20)),
        ("2026-11-20", PACIFIC, date(2026, 11, 20)),
    ],
)
def test_an_instant_is_of_the_merchants_day(text: str, zone: ZoneInfo, day: date) -> None:
    assert to_day("created", text, zone) == day


def test_a_day_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(UnreadableRow):
        to_day("created", "31/31/2026", PACIFIC)


def test_the_day_of_the_observation_is_the_merchants_and_no_part_of_the_fact() -> None:
    row = card("11/1/2026 10:00:00 AM")
    assert read(row).observed_on == date(2026, 11, 28)
    assert read(row, BERLIN).observed_on == date(2026, 11, 29)
    tomorrow = read(row, at=datetime(2026, 11, 30, 20, tzinfo=UTC))
    assert tomorrow.observed_on == date(2026, 11, 30)
    assert content_digest([tomorrow]) == content_digest([read(row)])


def ach(**changes: Any) -> dict[str, Any]:
    return {
        "transaction_id": "a1",
        "transaction_status": "RETURNED",
        "amount": 1,
        "created": "2026-11-01T23:30:00",
        "settled": "2026-11-04T00:00:00",
        "return_code": "R01",
        **changes,
    }


def test_a_bank_debit_says_when_it_settled_and_where_it_can_when_it_came_back() -> None:
    seen = read(ach(returned_date="2026-11-06"))
    assert (seen.created_on, seen.settled_on, seen.returned_on) == (
        date(2026, 11, 1),
        date(2026, 11, 4),
        date(2026, 11, 6),
    )
    assert '"returned_date":"2026-11-06"' in seen.raw
    assert read(ach()).returned_on is None
    assert read(ach(returned=True)).returned_on is None
    assert read(ach(returned_date="2026-11-06", transaction_status="SETTLED")).returned_on is None


def test_a_hook_dates_a_row_as_the_poll_does() -> None:
    body = wire.encode({"type": "paytrace.transaction.changed", "data": card("12/31/2026 11:30:00 PM")})
    (hooked,) = read_hook(body, PayTraceSettings(time_zone="Europe/Berlin"), observed_at=SEEN)
    assert hooked.created_on == date(2026, 12, 31)
    assert content_digest([hooked]) == content_digest([read(card("12/31/2026 11:30:00 PM"), BERLIN)])


def test_an_observation_of_ours_is_dated_where_it_left_days_out_and_nowhere_else() -> None:
    whole = read(card("12/31/2026 11:30:00 PM", settled="1/1/2027 8:00:00 PM"))
    bare = TransactionObserved(
        **{name: getattr(whole, name) for name in whole.__slots__}
        | {"created_on": None, "settled_on": None, "observed_on": None}
    )
    assert with_days(bare) == with_days(whole) == whole
    assert with_days(bare, BERLIN).created_on == date(2027, 1, 1)


def test_the_ends_of_the_calendar_have_a_day_too() -> None:
    assert business_day(datetime(1, 1, 1, tzinfo=UTC)) == date(1, 1, 1)
    assert business_day(datetime(9999, 12, 31, 23, tzinfo=UTC), AUCKLAND) == date(9999, 12, 31)
