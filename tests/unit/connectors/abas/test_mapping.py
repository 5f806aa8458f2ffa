"""abas' words to our records: exact amounts, honest dates, clear refusals."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.abas.errors import AbasRecordUnreadable
from connectors.abas.mapping import (
    parse_date,
    parse_instant,
    shows_amount,
    shows_currency,
    to_customer_referenced,
    to_decimal_text,
    to_open_item_observed,
    to_raw,
)
from connectors.abas.profile import load_profile
from connectors.abas.settings import SANDBOX_PROFILE
from connectors.abas.wire import ErpField, ErpObject, parse_object
from schemas.values.money import Money, from_major
from schemas.values.references import invoice_token
from schemas.wire.codec import Codec

PROFILE = load_profile(SANDBOX_PROFILE)
FORMATS = PROFILE.formats
assert PROFILE.tables.open_item is not None
ITEM = PROFILE.tables.open_item.fields
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def erp_item(**changes: Any) -> ErpObject:
    values: dict[str, Any] = {
        "docNo": "RE-100451",
        "customer^idno": "70001",
        "totalAmt": Decimal("125.00"),
        "openAmt": Decimal("125.0"),
        "curr^swd": "USD",
        "dueDate": "2026-12-20",
        **changes,
    }
    head = {name: ErpField(value=value) for name, value in values.items()}
    return ErpObject("(4711,900,0)", "OP-1", "900:1", head)


def read(item: ErpObject, *, filed: bool = False) -> Any:
    return to_open_item_observed(item, ITEM, FORMATS, filed=filed, observed_at=NOW)


def test_an_open_item_is_read_whole() -> None:
    item = read(erp_item())
    assert (item.abas_open_item_id, item.abas_customer_id, item.invoice_number) == (
        "(4711,900,0)",
        "70001",
        "RE-100451",
    )
    assert (item.amount_minor, item.open_minor, item.currency) == (12500, 12500, "USD")
    assert (item.due_on, item.is_open, item.observed_at) == (date(2026, 12, 20), True, NOW)


@pytest.mark.parametrize(
    ("open_amount", "filed", "is_open"),
    [
        (Decimal("125"), False, True),
        (Decimal(0), False, False),
        (Decimal("125"), True, False),
        (Decimal(0), True, False),
    ],
)
def test_an_item_is_open_while_abas_shows_it_open(open_amount: Decimal, filed: bool, is_open: bool) -> None:
    assert read(erp_item(openAmt=open_amount), filed=filed).is_open is is_open


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("docNo", None),
        ("docNo", ""),
        ("customer^idno", None),
        ("totalAmt", None),
        ("totalAmt", "much"),
        ("totalAmt", True),
        ("totalAmt", Decimal("1.001")),
        ("totalAmt", Decimal("1e30")),
        ("openAmt", "NaN"),
        ("openAmt", "Infinity"),
        ("curr^swd", ""),
        ("curr^swd", "US Dollar"),
        ("dueDate", "sometime"),
        ("dueDate", "31.02.2026"),
    ],
)
def test_a_field_that_can_not_be_read_is_named(name: str, value: Any) -> None:
    with pytest.raises(AbasRecordUnreadable, match=r"\(4711,900,0\).*") as caught:
        read(erp_item(**{name: value}))
    assert name in str(caught.value)


def test_a_due_date_may_be_missing() -> None:
    assert read(erp_item(dueDate=None)).due_on is None
    assert read(erp_item(dueDate="")).due_on is None


def test_an_amount_is_never_taken_from_the_text() -> None:
    item = erp_item()
    head = {**item.head, "totalAmt": ErpField(value=None, text="125.00")}
    with pytest.raises(AbasRecordUnreadable, match="totalAmt"):
        read(replace(item, head=head))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-20", date(2026, 12, 20)),
        ("12/20/2026", date(2026, 12, 20)),
        ("12/20/26", date(2026, 12, 20)),
        ("20.12.2026", date(2026, 12, 20)),
        ("2026-12-20T23:30:00-05:00", date(2026, 12, 20)),
    ],
)
def test_dates_are_read_as_iso_or_as_the_profile_says(text: str, expected: date) -> None:
    assert parse_date(text, FORMATS) == expected


def test_an_instant_without_offset_is_in_the_profiles_zone() -> None:
    berlin = FORMATS.model_copy(update={"time_zone": "Europe/Berlin"})
    assert parse_instant("2026-07-01 12:00:00", berlin) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert parse_instant("20.12.2026 12:30", berlin) == datetime(2026, 12, 20, 11, 30, tzinfo=UTC)
    assert parse_instant("2026-07-01T12:00:00+00:00", berlin) == datetime(2026, 7, 1, 12, tzinfo=UTC)


@given(st.integers(-(10**15), 10**15), st.sampled_from(["USD", "EUR", "JPY", "KWD"]), st.sampled_from([None, ".", ","]))
def test_an_amount_written_for_abas_reads_back_the_same(minor: int, currency: str, mark: str | None) -> None:
    text = to_decimal_text(minor, currency, FORMATS.model_copy(update={"decimal_mark": mark}))
    assert (mark or ".") in text or currency == "JPY"
    assert from_major(text.replace(mark or ".", "."), currency).minor == minor


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_a_clear_refusal(text: str) -> None:
    try:
        parse_instant(text, FORMATS)
        parse_date(text, FORMATS)
    except (ValueError, OverflowError):
        return


FIELD_NAMES = ["docNo", "customer^idno", "totalAmt", "openAmt", "curr^swd", "dueDate", "idno", "yposref", "erfass"]


@given(
    st.dictionaries(
        st.sampled_from(FIELD_NAMES),
        st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=20),
    )
)
def test_any_fields_are_read_or_refused(values: dict[str, Any]) -> None:
    item = ErpObject("(1,900,0)", "", "900:1", {name: ErpField(value=v) for name, v in values.items()})
    with contextlib.suppress(AbasRecordUnreadable):
        read(item)
    for entry in item.head.values():
        shows_amount(entry, Money(100, "USD"), FORMATS)
        shows_currency(entry, "USD")


def test_a_customer_is_known_by_its_paytrace_id() -> None:
    fields = PROFILE.tables.customer.fields
    head = {"idno": ErpField(value="70001"), "ypaytracecust": ErpField(value=" acme-inc ")}
    customer = ErpObject("(170,0,0)", "70001", "0:1", head)
    referenced = to_customer_referenced(customer, fields, observed_at=NOW)
    assert referenced is not None
    assert (referenced.token, referenced.abas_customer_id) == ("vault:acme-inc", "70001")
    unknown = replace(customer, head={**head, "ypaytracecust": ErpField(value="")})
    assert to_customer_referenced(unknown, fields, observed_at=NOW) is None


@pytest.mark.parametrize("written", ["RE-100451", " re-100451 ", "Re-100451"])
def test_an_invoice_number_is_found_however_it_is_written(written: str) -> None:
    assert invoice_token(written) == "invoice:RE-100451"


def test_the_raw_twin_is_the_same_for_every_dialect() -> None:
    map_form = parse_object(
        {"head": {"fields": {"b": {"value": "x"}, "a": {"value": Decimal("1.50"), "text": "1.50"}}}}
    )
    simple = parse_object({"head": {"a": Decimal("1.5"), "b": "x"}})
    assert to_raw(map_form) == to_raw(simple)
    assert json.loads(to_raw(simple)) == {"a": "1.5", "b": "x"}


@pytest.mark.parametrize("odd", ["\x7f", "\x85", "\x00", "\ud800", "\x1b[2J"])
def test_a_control_character_in_a_field_that_nobody_reads_holds_no_item_back(odd: str) -> None:
    record = read(replace(erp_item(), head={**erp_item().head, "comment": ErpField(value=f"a{odd}b", text=None)}))
    assert Codec().decode(Codec().encode(record)) == record
