"""Every PayTrace word has its reading, and only an explicit yes is money."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.paytrace import wire
from connectors.paytrace.errors import UnreadableRow
from connectors.paytrace.mapping import (
    RESPONSE_CODES,
    Meaning,
    read_card_status,
    read_response_code,
    to_ach_observed,
    to_transaction_observed,
)
from connectors.paytrace.words import ACH_STATUSES
from schemas.checks.sensitive import find_sensitive
from schemas.records.payments import (
    ObservedBy,
    PaymentMethod,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
)

PACIFIC = ZoneInfo("America/Los_Angeles")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
S = TransactionStatus

# The vendor's documented sample of the date-range export, field for field.
SAMPLE: dict[str, Any] = {
    "transaction_id": 79388123,
    "credit_card": {"masked_number": "************5454", "expiration_month": 12, "expiration_year": 20},
    "transaction_type": "SALE",
    "description": "",
    "amount": 110,
    "invoice_id": "inv1234",
    "shipping_address": {"name": "", "zip": "85284", "country": "US"},
    "billing_address": {"name": "Kevin", "street_address": "8320 E. West St.", "zip": "85284", "country": "US"},
    "receipt_emailed_to": "kevin@example.org",
    "tax_amount": "8.10",
    "customer_reference_id": "PO123456",
    "approval_code": "VTLMC1",
    "approval_message": "EXACT MATCH - Approved and completed",
    "avs_response": "Full Exact Match",
    "csc_response": "Match",
    "status_code": "GB571",
    "status_message": "GB571",
    "created": {"through": "API", "at": "4/10/2015 4:06:30 PM", "by": "sandbox123", "from_ip": "64.106.246.164"},
    "settled": "4/10/2015 8:13:45 PM",
    "customer_id": "",
}


def observe(row: dict[str, Any], *, fold: int = 0) -> TransactionObserved:
    return to_transaction_observed(
        row, merchant="main", zone=PACIFIC, observed_at=NOON, observed_by=ObservedBy.POLL, fold=fold
    )


def observe_ach(row: dict[str, Any]) -> TransactionObserved:
    return to_ach_observed(row, merchant="main", zone=PACIFIC, observed_at=NOON, observed_by=ObservedBy.POLL)


def test_the_documented_sample_is_read_in_full() -> None:
    record = observe(SAMPLE)
    assert record.paytrace_transaction_id == "79388123"
    assert (record.kind, record.raw_kind) == (TransactionKind.SALE, "SALE")
    assert (record.status, record.raw_status, record.batch_number) == (S.SETTLED, "GB571/GB571", 571)
    assert (record.amount_minor, record.currency, record.method) == (11000, "USD", PaymentMethod.CARD)
    assert (record.invoice_number, record.vault_customer_id) == ("inv1234", None)
    assert record.customer_reference == "PO123456"
    assert (record.card_last_four, record.approval_code) == ("5454", "VTLMC1")
    assert record.created_at == datetime(2015, 4, 10, 23, 6, 30, tzinfo=UTC)
    assert record.settled_at == datetime(2015, 4, 11, 3, 13, 45, tzinfo=UTC)
    assert (record.raw_created, record.raw_settled) == ("4/10/2015 4:06:30 PM", "4/10/2015 8:13:45 PM")
    assert (record.observed_at, record.observed_by) == (NOON, ObservedBy.POLL)


def test_raw_keeps_facts_and_drops_people() -> None:
    raw = json.loads(observe(SAMPLE).raw)
    assert raw["amount"] == 110
    assert raw["status_code"] == "GB571"
    assert raw["created"] == {"through": "API", "at": "4/10/2015 4:06:30 PM"}
    assert raw["credit_card"] == {"masked_number": "************5454"}
    for person in ("Kevin", "8320", "kevin@example.org", "64.106"):
        assert person not in observe(SAMPLE).raw


@pytest.mark.parametrize(
    ("code", "message", "kind", "approval", "expected"),
    [
        # explicit yes
        ("GB1", "GB1", "SALE", "TAS1", S.SETTLED),
        ("GB999", "GB999", "REFUND", "", S.SETTLED),
        ("S", "Settled", "SALE", "TAS1", S.SETTLED),
        ("Y", "Pending Settlement", "SALE", "TAS1", S.PENDING_SETTLEMENT),
        ("y", "pending settlement", "AUTHORIZATION", "TAS1", S.PENDING_SETTLEMENT),
        ("Y", "", "SALE", "TAS1", S.PENDING_SETTLEMENT),
        ("Y", "Pending Settlement", "FORCE", "TAS1", S.PENDING_SETTLEMENT),
        ("Y", "Pending Settlement", "CAPTURE", "TAS1", S.PENDING_SETTLEMENT),
        ("Y", "Pending Settlement", "REFUND", "", S.PENDING_SETTLEMENT),
        ("", "Pending Settlement", "SALE", "TAS1", S.PENDING_SETTLEMENT),
        # N means one of three things
        ("N", "Authorization Only", "AUTHORIZATION", "TAS1", S.AUTHORIZED),
        ("N", "Authorization Only", "SALE", "TAS1", S.AUTHORIZED),
        ("N", "Voided", "SALE", "TAS1", S.VOIDED),
        ("N", "VOID", "REFUND", "", S.VOIDED),
        ("N", "Transaction voided", "AUTHORIZATION", "TAS1", S.VOIDED),
        ("N", "Voided - AVS", "SALE", "TAS1", S.VOIDED_BY_RULE),
        ("N", "", "VOID", "TAS1", S.VOIDED),
        ("N", "Declined", "SALE", "", S.DECLINED),
        ("N", "DECLINE - Do not honor", "AUTHORIZATION", "", S.DECLINED),
        ("N", "Authorization Only", "AUTHORIZATION", "", S.DECLINED),
        ("N", "EXPIRED CARD", "SALE", "", S.DECLINED),
        # anything else is for a person, never money
        ("Y", "Pending Settlement", "SALE", "", S.UNKNOWN),
        ("Y", "Something New", "SALE", "TAS1", S.UNKNOWN),
        ("N", "Pending Settlement", "SALE", "TAS1", S.UNKNOWN),
        ("N", "Not Settled", "SALE", "TAS1", S.UNKNOWN),
        ("N", "Unsettled", "SALE", "TAS1", S.UNKNOWN),
        ("N", "", "REFUND", "", S.UNKNOWN),
        ("", "", "SALE", "TAS1", S.UNKNOWN),
        ("Q", "Pending Settlement", "SALE", "TAS1", S.UNKNOWN),
        ("Q", "Voided", "SALE", "TAS1", S.UNKNOWN),
        ("GBX", "GBX", "SALE", "TAS1", S.UNKNOWN),
        ("DISABLED", "", "SALE", "TAS1", S.UNKNOWN),
        ("Y", "Pending Settlement", "STR/FWD", "", S.PENDING_SETTLEMENT),
    ],
)
def test_each_card_status_has_its_reading(
    code: str, message: str, kind: str, approval: str, expected: TransactionStatus
) -> None:
    reading = read_card_status(code=code, message=message, kind=kind, approval_code=approval)
    assert reading.status is expected


def test_response_code_103_is_voided_whatever_else_the_row_says() -> None:
    row = {**SAMPLE, "status_code": "Y", "status_message": "Pending Settlement", "response_code": 103}
    assert observe(row).status is S.VOIDED_BY_RULE
    assert observe(row).raw_response_code == "103"


@pytest.mark.parametrize(
    ("raw_kind", "kind"),
    [
        ("SALE", TransactionKind.SALE),
        ("Sale", TransactionKind.SALE),
        ("FORCE", TransactionKind.SALE),
        ("AUTHORIZATION", TransactionKind.AUTHORIZATION),
        ("CAPTURE", TransactionKind.AUTHORIZATION),
        ("REFUND", TransactionKind.REFUND),
        ("STR/FWD", TransactionKind.UNKNOWN),
        ("VOID", TransactionKind.UNKNOWN),
        ("SURCHARGE", TransactionKind.UNKNOWN),
        ("", TransactionKind.UNKNOWN),
    ],
)
def test_each_kind_has_its_reading(raw_kind: str, kind: TransactionKind) -> None:
    record = observe({**SAMPLE, "transaction_type": raw_kind})
    assert (record.kind, record.raw_kind) == (kind, raw_kind)


def test_every_documented_response_code_is_in_the_table() -> None:
    documented = {
        *(1, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118),
        *(120, 121, 122, 123, 124, 125, 149, 150, 151, 152, 155, 160, 161, 162, 167, 170, 171, 172, 175, 180),
    }
    assert set(RESPONSE_CODES) == documented


def test_good_news_comes_from_the_good_codes_only() -> None:
    good = {code for code, meaning in RESPONSE_CODES.items() if meaning is Meaning.APPROVED}
    assert good == {101, 115}
    done = {code for code, meaning in RESPONSE_CODES.items() if meaning is Meaning.DONE}
    assert done == {100, 106, 109, 112, 122, 124, 149, 150, 151, 152, 155, 160, 161, 162, 170, 171, 172, 175, 180}
    assert read_response_code(103) is Meaning.VOIDED_BY_RULE
    assert read_response_code("102") is Meaning.DECLINED


@pytest.mark.parametrize("code", [0, 2, 99, 119, 999, -1, True, None, "", "x", 1.5, [], "9" * 50])
def test_any_other_response_code_proves_nothing(code: object) -> None:
    assert read_response_code(code) is Meaning.UNKNOWN


@pytest.mark.parametrize(
    ("raw_status", "status"),
    [
        ("INITIATED", S.ACH_PENDING),
        ("VERIFYING", S.ACH_PENDING),
        ("ACCEPTED", S.ACH_PENDING),
        ("ORIGINATED", S.ACH_PENDING),
        ("SETTLED", S.ACH_CLEARED),
        ("PARTIALLY_SETTLED", S.ACH_CLEARED),
        ("RETURNED", S.ACH_RETURNED),
        ("VOIDED", S.VOIDED),
        ("DECLINED", S.ACH_FAILED),
        ("NSF_DECLINED", S.ACH_FAILED),
        ("REJECTED", S.ACH_FAILED),
        ("FAILED", S.ACH_FAILED),
        ("ERROR", S.ACH_FAILED),
        ("TECHNICAL_ERROR", S.ACH_FAILED),
        ("settled", S.ACH_CLEARED),
        ("HELD", S.UNKNOWN),
        ("CHARGED_BACK", S.UNKNOWN),
        ("", S.UNKNOWN),
    ],
)
def test_each_ach_status_has_its_reading(raw_status: str, status: TransactionStatus) -> None:
    record = observe_ach(ach_row(transaction_status=raw_status))
    assert (record.status, record.raw_status) == (status, raw_status)


def test_the_ach_table_is_the_documented_enum() -> None:
    assert set(ACH_STATUSES) == {
        *("INITIATED", "ACCEPTED", "VOIDED", "ORIGINATED", "SETTLED", "PARTIALLY_SETTLED", "ERROR", "DECLINED"),
        *("NSF_DECLINED", "REJECTED", "FAILED", "VERIFYING", "RETURNED", "TECHNICAL_ERROR"),
    }


def ach_row(**changes: Any) -> dict[str, Any]:
    return {
        "transaction_id": "3e1b7c5a-7f59-4f4f-9c1e-0a4ce7d0a111",
        "transaction_status": "ACCEPTED",
        "amount": wire.decode(b"80.55"),
        "customer_id": 17,
        "customer_label": "acme",
        "invoice_number": "RE-1",
        "created": "2026-11-20T10:00:00",
        **changes,
    }


def test_an_ach_row_is_read_in_full() -> None:
    record = observe_ach(ach_row(settled="2026-11-23T20:00:00"))
    assert record.paytrace_transaction_id == "3e1b7c5a-7f59-4f4f-9c1e-0a4ce7d0a111"
    assert (record.kind, record.method, record.amount_minor) == (TransactionKind.ACH_SALE, PaymentMethod.ACH, 8055)
    assert (record.invoice_number, record.vault_customer_id) == ("RE-1", "acme")
    assert record.created_at == datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert record.settled_at == datetime(2026, 11, 24, 4, tzinfo=UTC)
    assert record.card_last_four is None


@pytest.mark.parametrize("name", ["created_at", "processed_date", "transactionDate", "submit_time", "initiated_on"])
def test_an_ach_row_is_dated_by_whatever_sounds_like_its_beginning(name: str) -> None:
    row = ach_row(settled="2026-11-23T20:00:00", updated_at="2026-11-24T20:00:00", **{name: "2026-11-20T10:00:00"})
    del row["created"]
    assert observe_ach(row).created_at == datetime(2026, 11, 20, 18, tzinfo=UTC)


def test_an_ach_row_without_any_date_is_for_a_person() -> None:
    row = ach_row(transaction_status="SETTLED", settled="2026-11-23T20:00:00")
    del row["created"]
    assert observe_ach(row).status is S.UNKNOWN


def test_a_return_carries_its_code() -> None:
    assert observe_ach(ach_row(transaction_status="RETURNED", return_code="R01")).return_code == "R01"
    assert observe_ach(ach_row(transaction_status="RETURNED", return_reason="R03 - no account")).return_code == "R03"
    assert observe_ach(ach_row(transaction_status="RETURNED")).return_code is None
    assert observe_ach(ach_row(transaction_status="SETTLED", return_code="R01")).return_code is None


def test_an_ach_refund_shows_by_word_or_sign() -> None:
    assert observe_ach(ach_row(transaction_type="REFUND")).kind is TransactionKind.ACH_REFUND
    negative = observe_ach(ach_row(amount=wire.decode(b"-80.55")))
    assert (negative.kind, negative.amount_minor) == (TransactionKind.ACH_REFUND, 8055)


def test_v1_checks_live_in_a_number_space_of_their_own() -> None:
    record = observe_ach(
        {
            "check_transaction_id": 981619,
            "amount": 5,
            "status": "SETTLED",
            "created": {"at": "11/20/2026 10:00:00 AM"},
        }
    )
    assert record.paytrace_transaction_id == "check-981619"
    assert record.status is S.ACH_CLEARED


def test_bank_numbers_do_not_get_into_an_ach_record() -> None:
    record = observe_ach(
        ach_row(
            bank_account={"account_number": "123456789012", "routing_number": "325070760"}, account_number="99887766"
        )
    )
    assert "123456789012" not in repr(record)
    assert "325070760" not in repr(record)
    assert "99887766" not in repr(record)


@pytest.mark.parametrize("place", ["description", "invoice_id", "customer_id", "approval_message", "status_message"])
def test_a_card_number_typed_into_any_field_is_cut_to_four_digits(place: str) -> None:
    record = observe({**SAMPLE, place: "card 4012 0000 9876 5439 thanks"})
    assert "4012 0000" not in repr(record)
    assert find_sensitive("", repr(record)) is None


def test_a_card_number_in_place_of_the_id_is_refused() -> None:
    with pytest.raises(UnreadableRow, match="card number"):
        observe({**SAMPLE, "transaction_id": 4012000098765439})


def test_the_first_six_digits_of_an_export_with_bin_are_dropped() -> None:
    record = observe({**SAMPLE, "credit_card": {"masked_number": "545454******5454"}})
    assert record.card_last_four == "5454"
    assert "545454" not in repr(record)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": None},
        {"amount": "a lot"},
        {"amount": wire.decode(b"1.005")},
        {"amount": wire.decode(b"1e400")},
        {"amount": -5},
        {"amount": True},
        {"created": {}},
        {"created": {"at": "yesterday"}},
        {"created": {"at": "13/45/2026 99:00:00 PM"}},
        {"settled": "soon"},
        {"status_code": ["Y"]},
        {"approval_code": {}},
    ],
)
def test_a_row_that_cannot_be_read_becomes_an_unknown_observation(change: dict[str, Any]) -> None:
    record = observe({**SAMPLE, **change})
    assert record.paytrace_transaction_id == "79388123"
    assert record.status is S.UNKNOWN
    assert (record.raw_amount is not None) == ("amount" in change)
    assert (record.unreadable is not None) == ("amount" not in change)
    # The rest of the row is kept, and its own words are.
    assert (record.kind, record.invoice_number, record.card_last_four) == (TransactionKind.SALE, "inv1234", "5454")
    assert record.amount_minor == (0 if "amount" in change else 11000)
    assert record.raw_status.endswith("/GB571")
    assert json.loads(record.raw)["invoice_id"] == "inv1234"


@pytest.mark.parametrize(
    ("change", "raw_amount", "unreadable"),
    [
        ({"amount": "12,50"}, "12,50", None),
        ({"amount": None}, "", None),
        ({"amount": {"value": 5}}, "[dict]", None),
        ({"amount": -5}, "-5", None),
        ({"amount": "5.00 EUR"}, "5.00 EUR", None),
        ({"settled": "soon"}, None, "settled: expected a date and time, got 'soon'"),
        ({"created": {"at": []}}, None, "at: expected a text, got a list"),
    ],
)
def test_what_can_not_be_read_is_named_with_its_raw_text(
    change: dict[str, Any], raw_amount: str | None, unreadable: str | None
) -> None:
    record = observe({**SAMPLE, **change})
    assert (record.raw_amount, record.unreadable) == (raw_amount, unreadable)


@pytest.mark.parametrize(("code", "message", "status"), [("N", "Voided", S.VOIDED), ("N", "Declined", S.DECLINED)])
def test_no_money_needs_no_amount(code: str, message: str, status: TransactionStatus) -> None:
    row = {**SAMPLE, "status_code": code, "status_message": message, "amount": "a lot", "settled": ""}
    assert observe(row).status is status


def test_the_same_unreadable_row_is_the_same_record_every_time() -> None:
    row = {**SAMPLE, "amount": "a lot"}
    assert observe(row) == observe(dict(reversed(row.items())))


@pytest.mark.parametrize("identity", [None, "", "  ", True, [1], "a b", "x" * 65, "'; drop"])
def test_a_row_without_an_id_is_refused(identity: object) -> None:
    with pytest.raises(UnreadableRow):
        observe({**SAMPLE, "transaction_id": identity})


def test_unknown_new_fields_are_tolerated() -> None:
    assert observe({**SAMPLE, "new": {"deep": [1, 2]}, "surcharge_amount": wire.decode(b"1.50")}).status is S.SETTLED


def test_an_unsettled_row_may_say_so_in_three_ways() -> None:
    for settled in ("", None, "  "):
        assert observe({**SAMPLE, "settled": settled}).settled_at is None
    row = dict(SAMPLE)
    del row["settled"]
    assert observe(row).settled_at is None


def test_the_hour_that_occurs_twice_is_read_as_set() -> None:
    row = {**SAMPLE, "created": {"at": "11/1/2026 1:30:00 AM"}}
    assert observe(row).created_at == datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    assert observe(row, fold=1).created_at == datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def test_a_time_inside_the_spring_gap_lands_after_it() -> None:
    row = {**SAMPLE, "created": {"at": "3/8/2026 2:30:00 AM"}}
    assert observe(row).created_at == datetime(2026, 3, 8, 10, 30, tzinfo=UTC)


def test_a_partly_approved_amount_is_the_one_that_counts() -> None:
    assert observe({**SAMPLE, "approved_amount": wire.decode(b"60.25")}).amount_minor == 6025
