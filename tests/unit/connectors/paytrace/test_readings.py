"""Money and clocks of PayTrace: exact or refused, in the merchant's zone, on the two strange nights too."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.paytrace.errors import UnreadableRow
from connectors.paytrace.mapping import to_ach_observed, to_raw, to_transaction_observed
from connectors.paytrace.readings import (
    days_between,
    to_date,
    to_date_text,
    to_dollars,
    to_instant,
    to_minor,
)
from connectors.paytrace.wire import decode, encode
from infra.sandboxes.paytrace.formats import to_clock_text
from schemas.checks.sensitive import find_sensitive
from schemas.records.payments import ObservedBy, TransactionStatus

PACIFIC = ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("value", "minor"),
    [
        ("8.10", 810),
        ("8.1", 810),
        (" 8 ", 800),
        (110, 11000),
        (0, 0),
        (Decimal("110.5"), 11050),
        (Decimal("110.500"), 11050),
        (Decimal("1E+2"), 10000),
        ("-3.25", -325),
        ("999999999999.99", 99999999999999),
        ("1,000.00", 100000),
        ("$5", 500),
        ("-$1,234,567.5", -123456750),
        ("1,234.56", 123456),
        ("$1,234.56", 123456),
        ("$ 12.00", 1200),
        ("US$12.00", 1200),
        ("USD 12.00", 1200),
        ("usd12.00", 1200),
        ("12.00 USD", 1200),
        ("(12.00)", -1200),
        ("($1,234.56)", -123456),
        ("12.00-", -1200),
        ("$-12.00", -1200),
        ("+12.00", 1200),
        (".50", 50),
        ("12.0000", 1200),
        # the noise of binary fractions, at most a millionth of a dollar
        (Decimal("10.000000001"), 1000),
        (Decimal("9.9999999"), 1000),
        (Decimal("10.000001"), 1000),
        ("10.000000001", 1000),
        (Decimal("110.30000000000001"), 11030),
    ],
)
def test_dollars_become_cents(value: Any, minor: int) -> None:
    assert to_minor("amount", value) == minor


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        "",
        "x",
        "1,5",
        "1.234,56",
        "12.00 EUR",
        "EUR 12.00",
        "(-12.00)",
        "-12.00-",
        "--5",
        "1 234.56",
        "12.00 USD USD",
        "USD",
        "(",
        "()",
        "about 5",
        "5.00 approx",
        Decimal("10.000002"),
        Decimal("10.004"),
        Decimal("9.999"),
        "1,00",
        "1,0000",
        "12,50",
        "1234,567",
        "$",
        "1.005",
        Decimal("1.005"),
        "1e5",
        "٣",
        "1.",
        ".5",
        [],
        {},
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1e30"),
        Decimal("1e-30"),
        10**40,
        "9" * 400,
        Decimal(10) ** 999999,
    ],
)
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(UnreadableRow, match="amount"):
        to_minor("amount", value)


@given(st.integers(min_value=0, max_value=10**14))
def test_cents_survive_the_way_over_the_wire(minor: int) -> None:
    assert to_minor("amount", decode(encode(to_dollars(minor)))) == minor


def test_a_float_never_gets_in_between() -> None:
    assert to_minor("amount", decode(b"4.35")) == 435
    assert to_minor("amount", decode(b"1.10")) == 110
    assert to_minor("amount", decode(b"0.1")) + to_minor("amount", decode(b"0.2")) == 30


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2090, 1, 1)), st.sampled_from([0, 1]))  # noqa: DTZ001
def test_clock_texts_come_back(local: datetime, fold: int) -> None:
    instant = local.replace(microsecond=0, tzinfo=PACIFIC, fold=fold).astimezone(UTC)
    again = {to_instant("at", to_clock_text(instant, PACIFIC), PACIFIC, fold=choice) for choice in (0, 1)}
    assert instant in again


@pytest.mark.parametrize(
    ("text", "fold", "utc"),
    [
        ("4/10/2015 4:06:30 PM", 0, datetime(2015, 4, 10, 23, 6, 30, tzinfo=UTC)),
        ("04/10/2015 04:06:30 pm", 0, datetime(2015, 4, 10, 23, 6, 30, tzinfo=UTC)),
        ("12/31/2026 12:00:00 AM", 0, datetime(2026, 12, 31, 8, tzinfo=UTC)),
        ("12/31/2026 12:00:00 PM", 0, datetime(2026, 12, 31, 20, tzinfo=UTC)),
        ("12/31/2026", 0, datetime(2026, 12, 31, 8, tzinfo=UTC)),
        ("2026-12-31T10:00:00", 0, datetime(2026, 12, 31, 18, tzinfo=UTC)),
        ("2026-12-31T10:00:00.000Z", 0, datetime(2026, 12, 31, 10, tzinfo=UTC)),
        ("2026-12-31T10:00:00+01:00", 0, datetime(2026, 12, 31, 9, tzinfo=UTC)),
        # the night in which 1:30 occurs twice
        ("11/1/2026 1:30:00 AM", 0, datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("11/1/2026 1:30:00 AM", 1, datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
        ("11/1/2026 12:59:59 AM", 1, datetime(2026, 11, 1, 7, 59, 59, tzinfo=UTC)),
        ("11/1/2026 2:00:00 AM", 0, datetime(2026, 11, 1, 10, tzinfo=UTC)),
        # the night in which 2:30 does not occur
        ("3/8/2026 1:59:59 AM", 0, datetime(2026, 3, 8, 9, 59, 59, tzinfo=UTC)),
        ("3/8/2026 2:30:00 AM", 0, datetime(2026, 3, 8, 10, 30, tzinfo=UTC)),
        ("3/8/2026 3:00:00 AM", 0, datetime(2026, 3, 8, 10, tzinfo=UTC)),
    ],
)
def test_clock_texts_are_read_in_the_merchants_zone(text: str, fold: int, utc: datetime) -> None:
    assert to_instant("at", text, PACIFIC, fold=fold) == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "13/1/2026 1:00:00 AM",
        "2/30/2026",
        "1/1/2026 13:00:00 PM",
        "1/1/2026 0:00:00 AM",
        "1/1/26",
        "1/1/2026 1:60:00 AM",
        "0/0/0000",
        "9999-99-99",
        "1/1/2026 25:00",
    ],
)
def test_what_is_no_clock_text_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRow, match="at"):
        to_instant("at", text, PACIFIC)


def test_dates_are_written_with_zeros_and_read_without() -> None:
    assert to_date_text(date(2026, 3, 8)) == "03/08/2026"
    assert to_date("start_date", "3/8/2026") == date(2026, 3, 8)
    for wrong in ("2026-03-08", "31/12/2026", "", None, 5):
        with pytest.raises(UnreadableRow):
            to_date("start_date", wrong)


def test_days_are_counted_with_both_ends() -> None:
    assert len(days_between(date(2026, 2, 27), date(2026, 3, 2))) == 4
    assert days_between(date(2026, 3, 2), date(2026, 3, 1)) == ()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
names = [
    *("transaction_type", "amount", "approved_amount", "invoice_id", "customer_id", "description", "approval_code"),
    *("status_code", "status_message", "settled", "created", "credit_card", "avs_response", "response_code"),
    *("transaction_status", "status", "return_code", "created_at", "billing_address", "check_transaction_id"),
]


@given(st.dictionaries(st.sampled_from(names) | st.text(max_size=8), values, max_size=12))
def test_any_row_with_an_id_gives_a_record(fields: dict[str, Any]) -> None:
    fields.pop("check_transaction_id", None)
    row = {**fields, "transaction_id": 7}
    for convert in (to_transaction_observed, to_ach_observed):
        record = convert(
            row,
            merchant="main",
            zone=PACIFIC,
            observed_at=datetime(2026, 1, 1, tzinfo=UTC),
            observed_by=ObservedBy.POLL,
        )
        assert record.paytrace_transaction_id == "7"
        assert 0 <= record.amount_minor < 2**63
        assert decode(record.raw.encode()) is not None
        if record.unreadable is not None:
            assert record.status is TransactionStatus.UNKNOWN
        if record.raw_amount is not None:
            assert record.amount_minor == 0
            assert record.status not in {
                TransactionStatus.AUTHORIZED,
                TransactionStatus.PENDING_SETTLEMENT,
                TransactionStatus.SETTLED,
                TransactionStatus.ACH_PENDING,
                TransactionStatus.ACH_CLEARED,
            }


@given(
    st.dictionaries(
        st.sampled_from(names), st.sampled_from(["4012000098765439", 4012000098765439, "5 4012 0000 9876 5439"])
    )
)
def test_no_card_number_gets_through_a_row(fields: dict[str, Any]) -> None:
    row = {"transaction_id": 7, "amount": 1, "created": {"at": "1/1/2026 1:00:00 AM"}, **fields}
    record = to_transaction_observed(
        row, merchant="m", zone=PACIFIC, observed_at=datetime(2026, 1, 1, tzinfo=UTC), observed_by=ObservedBy.POLL
    )
    assert find_sensitive("", [record.raw, repr(record)]) is None
    assert to_raw(row) == to_raw(dict(reversed(row.items())))
