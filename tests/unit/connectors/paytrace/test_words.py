"""A word counts as a whole and exactly: every documented one has its reading, and with anything added it is none."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors.paytrace import wire
from connectors.paytrace.answers import read_v1_rows, read_v3_rows
from connectors.paytrace.calls import Call, Reply
from connectors.paytrace.errors import PayTraceRefused, UnreadableAnswer
from connectors.paytrace.mapping import read_card_status
from connectors.paytrace.words import (
    ACH_KINDS,
    ACH_STATUSES,
    CARD_KINDS,
    CARD_WORDS,
    NOTHING_FOUND_NOUNS,
    card_word_of,
    plain,
    says_nothing_found,
)
from infra.sandboxes.paytrace import oddities
from schemas.records.payments import TransactionKind, TransactionStatus
from tests.unit.connectors.paytrace.test_mapping import ach_row, observe_ach

S = TransactionStatus
MONEY = {S.SETTLED, S.PENDING_SETTLEMENT}
READ = Call(method="POST", path="/v1/x", headers={})


def reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, wire.decode(wire.encode(body)), True)


def read(code: str, message: str, *, kind: str = "SALE", approval: str = "TAS1", response: str = "") -> S:
    return read_card_status(
        code=code, message=message, kind=kind, approval_code=approval, response_code=response
    ).status


@pytest.mark.parametrize(
    ("code", "message"),
    [
        *oddities.CARD_STATUSES,
        ("", "Settled on 31/31/2026"),
        ("", "Settled 1/1/0000"),
        ("Suspended", ""),
        ("", "Suspended"),
        ("Not yet settled", "Not yet settled"),
        ("N", "VOID - never settled"),
        ("Y", "Pending Void"),
        ("Y", "Pending Decline"),
        ("GB571", "Reversed"),
        ("GB571", "Voided"),
        ("GB571", "GB572"),
        ("N", "GB571"),
        ("N", "Settled"),
        ("Y", "Voided"),
        ("Y", "N"),
        ("GB571", "N"),
        ("GB0", "GB0"),
        ("GB571 pending", ""),
        ("GB5712345678", ""),
        ("GB-571", ""),
        ("", "Settled?"),
        ("", "Settled."),
        ("", "(Settled)"),
        ("", "Settled/Voided"),
        ("\u017fettled", ""),
        ("Settled\u200b", ""),
        ("GB\u0661", ""),
        ("", "Resettled"),
        ("", "Pending Settlement failed"),
        ("", "No Pending Settlement"),
    ],
)
def test_what_is_not_listed_is_never_money(code: str, message: str) -> None:
    for approval in ("TAS1", ""):
        for kind in ("SALE", "REFUND", "AUTHORIZATION", "VOID", ""):
            assert read(code, message, kind=kind, approval=approval) not in MONEY


def test_what_the_issue_named_is_unknown() -> None:
    for code, message in (
        ("N", "Suspended"),
        ("N", "Not yet settled"),
        ("N", "VOID - never settled"),
        ("Y", "Pending Void"),
    ):
        assert read(code, message) is S.UNKNOWN
        assert read(code, message, approval="") is S.UNKNOWN


def test_103_and_settled_contradict_each_other() -> None:
    assert read("Y", "Pending Settlement", response="103") is S.VOIDED_BY_RULE
    assert read("N", "Voided", response="103") is S.VOIDED_BY_RULE
    assert read("GB5", "GB5", response="103") is S.UNKNOWN


def shapes(word: str) -> tuple[str, ...]:
    return (word, word.lower(), word.title(), f"  {word}\t", word.replace(" ", "  "))


@pytest.mark.parametrize("word", CARD_WORDS)
def test_case_and_blanks_do_not_matter(word: str) -> None:
    assert {card_word_of(plain(shape)) for shape in shapes(word)} == {CARD_WORDS[word]}


@pytest.mark.parametrize("word", ACH_STATUSES)
def test_each_ach_word_is_read_in_any_case(word: str) -> None:
    for shape in shapes(word):
        assert observe_ach(ach_row(transaction_status=shape)).status is ACH_STATUSES[word]


added = st.text(alphabet=string.ascii_letters + string.digits + string.punctuation + "\u00a0\u017f\u0661 ", min_size=1)


@given(
    st.sampled_from([*CARD_WORDS, "GB571", "SETTLED 571", "Y"]),
    added,
    st.booleans(),
    st.sampled_from(["", "Y", "N", "S", "GB571"]),
)
def test_a_word_with_anything_added_is_never_money(word: str, more: str, before: bool, code: str) -> None:
    longer = f"{more}{word}" if before else f"{word}{more}"
    # Blanks alone add nothing, and some additions make another listed word or batch of it.
    assume(plain(longer) != word and card_word_of(plain(longer)) is None and plain(longer) not in {"", "Y", "N", "S"})
    assert read(code, longer) is S.UNKNOWN
    assert read(longer, "") is S.UNKNOWN
    assert read(longer, longer) is S.UNKNOWN


@given(st.sampled_from([*ACH_STATUSES]), added, st.booleans())
def test_an_ach_word_with_anything_added_is_unknown(word: str, more: str, before: bool) -> None:
    longer = f"{more}{word}" if before else f"{word}{more}"
    assume(plain(longer) not in ACH_STATUSES)
    assert ACH_STATUSES.get(plain(longer)) is None


@pytest.mark.parametrize(
    ("raw_kind", "amount", "kind"),
    [
        ("", b"5", TransactionKind.ACH_SALE),
        ("Sale", b"5", TransactionKind.ACH_SALE),
        ("debit", b"5", TransactionKind.ACH_SALE),
        ("REFUND", b"5", TransactionKind.ACH_REFUND),
        ("CREDIT", b"-5", TransactionKind.ACH_REFUND),
        ("", b"-5", TransactionKind.ACH_REFUND),
        ("SALE", b"-5", TransactionKind.UNKNOWN),
        ("NO REFUND", b"5", TransactionKind.UNKNOWN),
        ("CREDIT CHECK", b"5", TransactionKind.UNKNOWN),
        ("REFUNDED SALE", b"5", TransactionKind.UNKNOWN),
        ("2", b"5", TransactionKind.UNKNOWN),
    ],
)
def test_each_ach_kind_has_its_reading(raw_kind: str, amount: bytes, kind: TransactionKind) -> None:
    assert observe_ach(ach_row(transaction_type=raw_kind, amount=wire.decode(amount))).kind is kind
    assert set(ACH_KINDS.values()) == {TransactionKind.ACH_SALE, TransactionKind.ACH_REFUND}
    assert TransactionKind.ACH_SALE not in CARD_KINDS.values()


@pytest.mark.parametrize(
    ("raw", "code"), [("R01", "R01"), ("r03 - no account", "R03"), ("not R01", "not R01"), ("R011", "R011")]
)
def test_a_return_code_begins_its_text(raw: str, code: str) -> None:
    assert observe_ach(ach_row(transaction_status="RETURNED", return_reason=raw)).return_code == code


# --- an export that found nothing


@pytest.mark.parametrize("rows", NOTHING_FOUND_NOUNS)
def test_nothing_found_names_the_rows_that_were_asked_for(rows: str) -> None:
    assert says_nothing_found(f"No {rows} found.", rows)
    assert says_nothing_found(f"There were no {rows} found for the given date range", rows)
    assert says_nothing_found("No records were found", rows)


WRONG_SETTINGS = [
    "No merchant account found",
    "No merchant found.",
    "No user found for these days",
    "No permission found",
    "No active account was found for transactions",
    "No transactions found because the merchant account is closed",
    "No transactions found. Please contact support.",
    "No integrator id found",
    "Merchant not found",
    "no found",
]


@pytest.mark.parametrize("text", WRONG_SETTINGS)
def test_a_wrong_setting_never_looks_like_a_day_without_money(text: str) -> None:
    refused = {"success": False, "response_code": 1, "status_message": text}
    for body in (
        refused,
        {**refused, "errors": {"99": [text]}},
        {**refused, "errors": {"1": ["No records found."], "99": [text]}},
    ):
        with pytest.raises(PayTraceRefused):
            read_v1_rows(READ, reply(body, 400), ("transactions",))
    with pytest.raises(PayTraceRefused):
        read_v3_rows(READ, reply({"data": [{"field": "body/merchant_id", "detail": text}]}, 422), ("transactions",))
    # Nor when it says success, without a list.
    with pytest.raises((UnreadableAnswer, PayTraceRefused)):
        read_v1_rows(READ, reply({"success": True, "response_code": 1, "status_message": text}), ("transactions",))


def test_another_kind_of_rows_is_not_these_rows() -> None:
    assert not says_nothing_found("No customers found", "transactions")
    with pytest.raises(PayTraceRefused):
        read_v1_rows(READ, reply({"success": True, "response_code": 1, "errors": {"99": ["x"]}}), ("transactions",))


def test_a_v3_export_that_says_it_found_nothing_is_empty() -> None:
    body = {"data": [{"field": "body/start_date", "detail": "No transactions found"}]}
    assert read_v3_rows(READ, reply(body, 422), ("transactions", "items")) == []
