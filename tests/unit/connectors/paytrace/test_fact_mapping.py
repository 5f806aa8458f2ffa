"""Batches, vault customers and schedules: what identifies them, what is believed, and what never leaves PayTrace."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.paytrace.errors import UnreadableRow
from connectors.paytrace.fact_mapping import (
    FREQUENCIES,
    RECURRENCE_KINDS,
    RECURRENCE_METHODS,
    Account,
    is_pending,
    read_recurrence_status,
    to_batch_observed,
    to_recurrence_observed,
    to_vault_customer_observed,
)
from schemas.checks.sensitive import find_sensitive
from schemas.checks.sensitive.identity import mask_of
from schemas.records.payments import PaymentMethod, TransactionKind
from schemas.records.settlement import SettlementBatchObserved
from schemas.records.subscriptions import RecurrenceFrequency, RecurrenceObserved, RecurrenceStatus
from schemas.wire.codec import Codec
from tests.support.paytrace_fact_rows import LISTED, SETTLED, batch_row, customer_row, listed, schedule_row
from tests.support.sealing import sealed_alike

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCOUNT = Account(merchant="main", zone=ZoneInfo("America/Los_Angeles"))
CARD_NUMBER = "4012000098765439"


def observe(row: dict[str, Any], rows: Iterable[dict[str, Any]] | None = LISTED) -> SettlementBatchObserved:
    return to_batch_observed(row, None if rows is None else list(rows), ACCOUNT, observed_at=NOW)


# -- batches -----------------------------------------------------------------------------------------------------------


def test_a_batch_that_adds_up_is_consistent() -> None:
    batch = observe(batch_row())
    assert (batch.batch_id, batch.settlement_account) == ("main/571/2015-04-10", "main/USD")
    assert (batch.net_minor, batch.sales_minor, batch.refund_minor) == (612_40, 650_00, 37_60)
    assert (batch.listed_net_minor, batch.listed_count) == (612_40, 3)
    assert (batch.is_consistent, batch.mismatch) == (True, "")
    assert batch.settled_at == datetime(2015, 4, 11, 3, 13, 45, tzinfo=UTC)
    assert json.loads(batch.raw)["net_amount"] == 612.4


@pytest.mark.parametrize(
    ("changes", "rows", "mismatch"),
    [
        ({}, LISTED[:2], "net 61240 stated, 65000 listed; 3 transactions stated, 2 listed"),
        ({}, (), "net 61240 stated, 0 listed; 3 transactions stated, 0 listed"),
        (
            {"net_amount": 600},
            LISTED,
            "net 60000 stated, sales 65000 less refunds 3760; net 60000 stated, 61240 listed",
        ),
        (
            {"transaction_count": 4},
            LISTED,
            "4 transactions stated, 2 sales and 1 refunds; 4 transactions stated, 3 listed",
        ),
        ({"sales_count": 1}, LISTED, "3 transactions stated, 1 sales and 1 refunds"),
        ({"sales_amount": ..., "net_amount": "612.39"}, LISTED, "net 61239 stated, 61240 listed"),
    ],
)
def test_a_batch_that_does_not_add_up_is_reported_with_what_differs(
    changes: dict[str, Any], rows: tuple[dict[str, Any], ...], mismatch: str
) -> None:
    batch = observe(batch_row(**changes), rows)
    assert (batch.is_consistent, batch.mismatch) == (False, mismatch)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (listed(3, "37.60", "STR/FWD"), "kind, amount or settle date unclear of 3"),
        (listed(3, "37.60", "REFUND") | {"amount": None}, "kind, amount or settle date unclear of 3"),
        (listed(3, "37.60", "REFUND", settled=""), "kind, amount or settle date unclear of 3"),
        (listed(3, "37.60", "REFUND", transaction_id=None), "kind, amount or settle date unclear of a transaction"),
    ],
)
def test_a_listed_transaction_without_sign_or_amount_proves_nothing(row: dict[str, Any], reason: str) -> None:
    batch = observe(batch_row(), (*LISTED[:2], row))
    assert (batch.is_consistent, batch.listed_net_minor, batch.listed_count) == (None, None, 3)
    assert batch.mismatch.startswith(reason)


def test_a_list_that_could_not_be_read_proves_nothing_but_the_statement_may_still_contradict_itself() -> None:
    batch = observe(batch_row(), None)
    assert (batch.is_consistent, batch.listed_count) == (None, None)
    assert batch.mismatch == "its transactions could not be read"
    contradictory = observe(batch_row(net_amount=1), None)
    assert contradictory.is_consistent is False
    assert contradictory.mismatch.endswith("; its transactions could not be read")


def test_numbers_begin_again_after_999_and_the_settle_date_reports_the_batches_apart() -> None:
    days = [f"{day}/2015 8:00:00 PM" for day in ("1/5", "1/6", "7/1")]
    batches = [observe(batch_row(batch_number=n, settled=d), None) for n, d in zip((999, 1, 999), days, strict=True)]
    assert [batch.batch_id for batch in batches] == ["main/999/2015-01-05", "main/1/2015-01-06", "main/999/2015-07-01"]


def test_the_list_of_a_number_that_was_used_again_is_not_held_against_the_older_batch() -> None:
    newer = [listed(number, "9.99", settled="7/1/2015 8:00:00 PM") for number in (8, 9)]
    older = observe(batch_row(), newer)
    assert (older.is_consistent, older.listed_net_minor, older.listed_count) == (None, None, None)
    assert older.mismatch == "the list of number 571 shows another batch"
    both = observe(batch_row(), [*LISTED, *newer])
    assert (both.is_consistent, both.listed_count) == (True, 3)


def test_transactions_on_the_other_side_of_midnight_belong_to_their_batch() -> None:
    late = [row | {"settled": "4/10/2015 11:59:58 PM"} for row in LISTED]
    assert observe(batch_row(settled="4/11/2015 12:00:02 AM"), late).is_consistent is True


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.booleans()), max_size=30),
    st.integers(1, 999),
    st.dates(date(2010, 1, 1), date(2040, 1, 1)),
)
def test_every_batch_that_adds_up_is_consistent_and_fits_its_schema(
    amounts: list[tuple[int, bool]], number: int, day: date
) -> None:
    settled = f"{day.month}/{day.day}/{day.year} 8:13:45 PM"
    rows = [
        listed(n, f"{minor / 100:.2f}", "REFUND" if refund else "SALE", settled=settled)
        for n, (minor, refund) in enumerate(amounts, start=1)
    ]
    sales = sum(minor for minor, refund in amounts if not refund)
    refunds = sum(minor for minor, refund in amounts if refund)
    row = batch_row(
        batch_number=number,
        settled=settled,
        transaction_count=len(amounts),
        net_amount=Decimal(sales - refunds).scaleb(-2),
        sales_count=sum(not refund for _, refund in amounts),
        sales_amount=Decimal(sales).scaleb(-2),
        refund_count=sum(refund for _, refund in amounts),
        refund_amount=Decimal(refunds).scaleb(-2),
    )
    batch = observe(row, rows)
    assert (batch.is_consistent, batch.mismatch) == (True, "")
    assert batch.batch_id == f"main/{number}/{day.isoformat()}"
    assert Codec().decode(Codec().encode(batch)) == batch


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"batch_number": "571"}, 571),
        ({"batch_number": "GB571"}, 571),
        ({"batch_number": ..., "number": 7}, 7),
        ({"batch_number": None, "number": "007"}, 7),
        ({"settled": ..., "when": SETTLED}, 571),
    ],
)
def test_other_ways_to_write_a_batch_are_read(changes: dict[str, Any], number: int) -> None:
    assert observe(batch_row(**changes)).batch_number == number


@pytest.mark.parametrize(
    ("changes", "field_name"),
    [
        ({"batch_number": ...}, "batch_number"),
        ({"batch_number": "0"}, "batch_number"),
        ({"batch_number": "-1"}, "batch_number"),
        ({"batch_number": Decimal("5.5")}, "batch_number"),
        ({"batch_number": [571]}, "batch_number"),
        ({"settled": "yesterday"}, "settled"),
        ({"net_amount": ...}, "net_amount"),
        ({"net_amount": "1.005"}, "net_amount"),
        ({"sales_amount": "many"}, "sales_amount"),
        ({"transaction_count": "many"}, "transaction_count"),
    ],
)
def test_a_batch_that_cannot_be_read_names_the_field(changes: dict[str, Any], field_name: str) -> None:
    with pytest.raises(UnreadableRow) as caught:
        observe(batch_row(**changes))
    assert caught.value.field_name == field_name


@pytest.mark.parametrize(("settled", "pending"), [("", True), (None, True), (" ", True), (SETTLED, False)])
def test_a_batch_without_settle_time_is_pending(settled: str | None, pending: bool) -> None:
    assert is_pending(batch_row(settled=settled)) is pending


# -- customers ---------------------------------------------------------------------------------------------------------


def test_of_a_customer_what_can_be_charged_is_kept_and_who_it_is_stands_in_values_to_seal() -> None:
    seen = to_vault_customer_observed(customer_row(), ACCOUNT, observed_at=NOW)
    assert (seen.vault_customer_id, seen.has_card, seen.card_last_four) == ("acme-inc", True, "5454")
    assert (seen.card_expires_on, seen.raw_card_expiry) == (date(2027, 12, 31), "12/27")
    assert (seen.has_bank_account, seen.gateway_customer_id) == (None, None)
    assert seen.created_at == datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
    assert seen.person == {
        "name": "Kevin Smith",
        "email": "kevin@example.com",
        "phone": "5095550100",
        "billing_street": "8320 E. West St.",
        "billing_postal_code": "85284",
    }
    assert seen.value_digests.keys() == {"name", "email", "phone", "billing"}
    for private in ("Kevin", "8320", "85284", "example.com", "5095550100"):
        assert private not in repr(replace(seen, person={}))
    for never in ("64.106", "demo123"):
        assert never not in repr(seen)


def test_two_spellings_of_one_customer_have_the_same_digests_and_none_without_a_value() -> None:
    other = customer_row(
        customer_id="another",
        email=" KEVIN@example.com ",
        billing_address={
            "name": "SMITH, Kevin",
            "street": "8320 east west street",
            "postal_code": "85284",
            "country": "",
        },
    )
    one, two = (to_vault_customer_observed(row, ACCOUNT, observed_at=NOW) for row in (customer_row(), other))
    assert (one.email_digest, one.name_digest) == (two.email_digest, two.name_digest)
    assert one.place_digest is not None
    assert one.data_subject != two.data_subject
    nobody = to_vault_customer_observed(customer_row(email="none", billing_address=...), ACCOUNT, observed_at=NOW)
    assert (nobody.email_digest, nobody.name_digest, nobody.place_digest) == (None, None, None)


def test_bank_numbers_of_a_customer_are_never_read() -> None:
    row = customer_row(DDA="123456789012", TR="325070760", check={"account_number": "123456789012"}, credit_card=...)
    seen = to_vault_customer_observed(row, ACCOUNT, observed_at=NOW)
    assert (seen.has_bank_account, seen.has_card, seen.card_last_four, seen.raw_card_expiry) == (True, False, None, "")
    assert "123456789012" not in repr(seen)
    assert "325070760" not in repr(seen)


@pytest.mark.parametrize(
    ("bank", "has"),
    [
        ({"DDA": ""}, False),
        ({"check": {}}, False),
        ({"check": {"account_number": ""}}, False),
        ({"check": {"masked_account_number": "*****6789"}}, True),
        ({"bank_account": None}, False),
        ({}, None),
    ],
)
def test_whether_there_is_a_bank_account(bank: dict[str, Any], has: bool | None) -> None:
    assert to_vault_customer_observed(customer_row(**bank), ACCOUNT, observed_at=NOW).has_bank_account is has


@pytest.mark.parametrize(
    ("month", "year", "expires_on"),
    [
        (2, 28, date(2028, 2, 29)),
        ("02", "2027", date(2027, 2, 28)),
        ("13", "27", None),
        ("0", "27", None),
        ("", "", None),
        (12, 7, None),
        ("12", "0000", None),
        ([12], {"y": 27}, None),
    ],
)
def test_the_expiry_of_a_card(month: Any, year: Any, expires_on: date | None) -> None:
    card = {"masked_number": "xxxxxxxxxxxx1111", "expiration_month": month, "expiration_year": year}
    seen = to_vault_customer_observed(customer_row(credit_card=card), ACCOUNT, observed_at=NOW)
    assert (seen.card_last_four, seen.card_expires_on) == ("1111", expires_on)


def test_v3_names_our_id_the_label_and_numbers_the_customer() -> None:
    row = customer_row(customer_id=8812, customer_label="acme-inc")
    seen = to_vault_customer_observed(row, ACCOUNT, observed_at=NOW)
    assert (seen.vault_customer_id, seen.gateway_customer_id) == ("acme-inc", "8812")


@pytest.mark.parametrize("identity", [CARD_NUMBER, int(CARD_NUMBER)])
def test_a_customer_id_that_looks_like_a_card_number_is_masked(identity: Any) -> None:
    record = to_vault_customer_observed(customer_row(customer_id=identity), ACCOUNT, observed_at=NOW)
    assert record.vault_customer_id == mask_of(CARD_NUMBER)


@pytest.mark.parametrize("identity", [None, "", "  ", [], True, "x" * 256])
def test_a_customer_without_usable_id_is_refused(identity: Any) -> None:
    with pytest.raises(UnreadableRow) as caught:
        to_vault_customer_observed(customer_row(customer_id=identity), ACCOUNT, observed_at=NOW)
    assert CARD_NUMBER not in str(caught.value)


@pytest.mark.parametrize("created", [None, "yesterday", {}, {"at": 5}, [1]])
def test_a_time_of_storing_that_cannot_be_read_is_left_open(created: Any) -> None:
    assert to_vault_customer_observed(customer_row(created=created), ACCOUNT, observed_at=NOW).created_at is None


# -- schedules ---------------------------------------------------------------------------------------------------------


def schedule(**changes: Any) -> RecurrenceObserved:
    return to_recurrence_observed(schedule_row(**changes), ACCOUNT, observed_at=NOW)


def test_a_schedule_is_read() -> None:
    seen = schedule()
    assert (seen.recurrence_id, seen.vault_customer_id, seen.amount_minor, seen.currency) == (
        "42",
        "acme-inc",
        2495,
        "USD",
    )
    assert (seen.frequency, seen.kind, seen.method) == (
        RecurrenceFrequency.MONTHLY,
        TransactionKind.SALE,
        PaymentMethod.CARD,
    )
    assert (seen.next_on, seen.planned_count, seen.charged_count) == (date(2026, 12, 1), 12, 3)
    assert (seen.status, seen.raw_status) == (RecurrenceStatus.ACTIVE, "3/12")


def test_every_documented_frequency_has_a_reading_of_its_own_and_keeps_its_text() -> None:
    assert set(FREQUENCIES) == set("18A2934756")
    readings = {code: schedule(frequency=code).frequency for code in FREQUENCIES}
    assert set(readings.values()) == set(RecurrenceFrequency) - {RecurrenceFrequency.UNKNOWN}
    unknown = schedule(frequency="Z")
    assert (unknown.frequency, unknown.raw_frequency) == (RecurrenceFrequency.UNKNOWN, "Z")
    assert schedule(frequency=3).frequency is RecurrenceFrequency.MONTHLY
    assert schedule(frequency=" a ").frequency is RecurrenceFrequency.EVERY_FOUR_MONTHS


def test_kinds_and_methods_have_a_reading_and_unknown_ones_keep_their_text() -> None:
    assert {word: schedule(transaction_type=word.title()).kind for word in RECURRENCE_KINDS} == dict(RECURRENCE_KINDS)
    assert {word: schedule(type=word).method for word in RECURRENCE_METHODS} == dict(RECURRENCE_METHODS)
    unknown = schedule(transaction_type="Gift", type="X")
    assert (unknown.kind, unknown.raw_kind) == (TransactionKind.UNKNOWN, "Gift")
    assert (unknown.method, unknown.raw_method) == (PaymentMethod.UNKNOWN, "X")


@pytest.mark.parametrize(
    ("current", "total", "status"),
    [
        ("0", "12", RecurrenceStatus.ACTIVE),
        ("11", "12", RecurrenceStatus.ACTIVE),
        ("12", "12", RecurrenceStatus.COMPLETED),
        ("13", "12", RecurrenceStatus.COMPLETED),
        ("5000", "999", RecurrenceStatus.ACTIVE),
        ("", "999", RecurrenceStatus.ACTIVE),
        ("", "12", RecurrenceStatus.UNKNOWN),
        ("3", "", RecurrenceStatus.UNKNOWN),
        ("three", "12", RecurrenceStatus.UNKNOWN),
    ],
)
def test_counts_say_whether_a_schedule_still_charges(current: str, total: str, status: RecurrenceStatus) -> None:
    assert read_recurrence_status(current, total) is status


def test_a_schedule_without_end_has_no_planned_count() -> None:
    assert schedule(total_count="999").planned_count is None


@pytest.mark.parametrize(
    ("changes", "field_name"),
    [
        ({"id": ...}, "id"),
        ({"customer_id": ""}, "customer_label"),
        ({"amount": None}, "amount"),
        ({"amount": Decimal("-1")}, "amount"),
        ({"description": ["x"]}, "description"),
    ],
)
def test_a_schedule_that_cannot_be_read_names_the_field(changes: dict[str, Any], field_name: str) -> None:
    with pytest.raises(UnreadableRow) as caught:
        schedule(**changes)
    assert caught.value.field_name == field_name


@pytest.mark.parametrize("odd", ["\x7f", "\x85", "\x00", "\x1b[2J"])
def test_a_control_character_in_a_field_that_only_raw_keeps_holds_no_fact_back(odd: str) -> None:
    record = schedule(next=odd)
    assert Codec().decode(Codec().encode(record)) == record


cell = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=40), st.just(CARD_NUMBER), st.lists(st.integers())
)


@given(st.dictionaries(st.sampled_from([*batch_row(), *customer_row(), *schedule_row()]), cell))
def test_whatever_a_row_holds_it_is_read_or_refused_and_no_card_number_passes(changes: dict[str, Any]) -> None:
    for read in (
        lambda: observe(batch_row(**changes)),
        lambda: to_vault_customer_observed(customer_row(**changes), ACCOUNT, observed_at=NOW),
        lambda: schedule(**changes),
    ):
        try:
            record = read()
        except UnreadableRow as error:
            reported = str(error)
        else:
            reported = repr(record)
            written = sealed_alike(record)
            assert Codec().decode(Codec().encode(written)) == written
        assert find_sensitive("reported", reported) is None
