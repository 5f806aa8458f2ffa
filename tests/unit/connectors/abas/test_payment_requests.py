"""Payment requests: what abas asks of the gateway, read word by word; nothing that moves money is guessed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.abas.errors import AbasRecordUnreadable
from connectors.abas.mapping import PAYMENT_REQUEST_KINDS, PAYMENT_REQUEST_STATUSES, to_payment_request_observed
from connectors.abas.profile import PaymentRequestTable, load_profile
from connectors.abas.settings import SANDBOX_PROFILE
from connectors.abas.wire import ErpField, ErpObject
from schemas.checks.sensitive import find_sensitive
from schemas.records.gateway import PaymentRequestKind, PaymentRequestObserved, PaymentRequestStatus
from schemas.wire.codec import Codec

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CARD_NUMBER = "4012000098765439"


@pytest.fixture(scope="module")
def table() -> PaymentRequestTable:
    table = load_profile(Path(SANDBOX_PROFILE)).tables.payment_request
    assert table is not None
    return table


def payment_request(**changes: Any) -> ErpObject:
    values: dict[str, Any] = {
        "idno": "ZW-40001",
        "ykind": "refund",
        "customer^idno": "70001",
        "amount": Decimal("12.50"),
        "curr^swd": "USD",
        "ypaytraceid": "79388123",
        "yreason": "damaged",
        "ystatus": "OPEN",
        "customer^ypaytracecust": "acme-inc",
        "yrequester": "M. Muster",
    }
    head = {name: ErpField(value=value, text=None) for name, value in (values | changes).items()}
    return ErpObject("(4712,900,0)", "900:6", "", head)


def observe(table: PaymentRequestTable, **changes: Any) -> PaymentRequestObserved:
    return to_payment_request_observed(
        payment_request(**changes), table, load_profile(SANDBOX_PROFILE).formats, observed_at=NOW
    )


def test_a_payment_request_is_read_and_fits_its_schema(table: PaymentRequestTable) -> None:
    seen = observe(table)
    assert (seen.payment_request_id, seen.payment_request_number, seen.kind, seen.status) == (
        "(4712,900,0)",
        "ZW-40001",
        PaymentRequestKind.REFUND,
        PaymentRequestStatus.OPEN,
    )
    assert (seen.amount_minor, seen.currency, seen.paytrace_transaction_id) == (1250, "USD", "79388123")
    assert (seen.vault_customer_id, seen.requester, seen.reason) == ("acme-inc", "M. Muster", "damaged")
    assert json.loads(seen.raw)["ykind"] == "refund"
    assert Codec().decode(Codec().encode(seen)) == seen


def test_a_charge_names_no_payment(table: PaymentRequestTable) -> None:
    seen = observe(table, ykind="CHARGE", ypaytraceid="")
    assert (seen.kind, seen.paytrace_transaction_id, seen.vault_customer_id) == (
        PaymentRequestKind.CHARGE,
        None,
        "acme-inc",
    )


def test_every_word_has_its_reading_in_any_case_and_others_are_unknown(table: PaymentRequestTable) -> None:
    for word, kind in PAYMENT_REQUEST_KINDS.items():
        assert observe(table, ykind=word.lower()).kind is kind
    for word, status in PAYMENT_REQUEST_STATUSES.items():
        assert observe(table, ystatus=word.title()).status is status
    seen = observe(table, ykind="REFUND ALL", ystatus="")
    assert (seen.kind, seen.raw_kind) == (PaymentRequestKind.UNKNOWN, "REFUND ALL")
    assert (seen.status, seen.raw_status) == (PaymentRequestStatus.UNKNOWN, "")


def test_a_profile_without_requester_and_vault_customer_leaves_them_open(table: PaymentRequestTable) -> None:
    less = table.fields.model_copy(update={"vault_customer": None, "requester": None})
    seen = observe(table.model_copy(update={"fields": less}))
    assert (seen.vault_customer_id, seen.requester) == (None, None)


@pytest.mark.parametrize("name", ["ykind", "ystatus", "yreason", "yrequester", "ypaytraceid", "customer^ypaytracecust"])
@pytest.mark.parametrize(
    "typed",
    [
        CARD_NUMBER,
        f"refund to {CARD_NUMBER} please",
        "4012 0000 9876 5439",
        "pay to routing 325070760 account number 123456789",
    ],
)
def test_card_and_bank_numbers_that_somebody_typed_do_not_pass(
    table: PaymentRequestTable, name: str, typed: str
) -> None:
    seen = observe(table, **{name: typed})
    assert find_sensitive("payment_request", repr(seen)) is None
    assert "325070760" not in repr(seen)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": Decimal("-12.50")}, "below zero"),
        ({"amount": Decimal("12.505")}, "amount"),
        ({"amount": None}, "amount"),
        ({"curr^swd": "DOLLAR"}, "currency"),
        ({"customer^idno": ""}, "customer"),
        ({"idno": ""}, "idno"),
    ],
)
def test_a_payment_request_that_cannot_be_read_names_the_field(
    table: PaymentRequestTable, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(AbasRecordUnreadable, match=why):
        observe(table, **changes)
