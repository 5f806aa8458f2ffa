"""What is certain enough to be posted unseen, what is only suggested, and how much an item can still take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.records.identification import Movement, WaitingReason
from schemas.records.receivables import EntryWaiting, MatchSuggested, PaymentMatched
from streams.domain import receivables
from streams.domain.receivables.matching import named_invoices
from tests.support.builders import PAYMENT, Ledger, at, done, identified, key_by, open_item
from tests.support.policies import RECEIVABLES

RECEIPT = f"PT{PAYMENT}"


def ledger(*records: Any) -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id")).given(*records)


def items(*amounts: int) -> list[Any]:
    """Open items i1, i2, ... with the invoices RE-1001, RE-1002, ..."""
    return [open_item(f"i{n}", amount, invoice=f"RE-{1000 + n}") for n, amount in enumerate(amounts, 1)]


def paid(amount: int, invoice: str | None = None, payment: str = PAYMENT, minute: int = 1) -> Any:
    return identified(Movement.CAPTURED, amount, payment=payment, invoice=invoice, minute=minute)


def posted(book: Ledger) -> list[tuple[str, int]]:
    return [(command.abas_open_item_id, command.amount_minor) for command in book.sent("cash_receipt")]


@pytest.mark.parametrize(
    ("amounts", "amount", "invoice", "clears"),
    [
        ((100_00, 90_00), 90_00, None, {"i2"}),
        ((100_00, 100_00), 100_00, "RE-1002", {"i2"}),
        ((60_13, 40_29, 77_00), 100_42, None, {"i1", "i2"}),
        ((60_00, 40_00, 100_00), 100_00, "RE-1001, RE-1002", {"i1", "i2"}),
        ((60_00, 40_00, 30_00), 130_00, "re-1001 RE-1002;RE-1003", {"i1", "i2", "i3"}),
    ],
)
def test_to_the_cent_and_for_one_reason_only_is_posted(
    amounts: tuple[int, ...], amount: int, invoice: str | None, clears: set[str]
) -> None:
    book = ledger(*items(*amounts), paid(amount, invoice))
    assert {item for item, _ in posted(book)} == clears
    assert sum(minor for _, minor in posted(book)) == amount
    matched = [event for event in book.events if isinstance(event, PaymentMatched)]
    assert all(event.evidence and event.decided_by is None for event in matched)


@pytest.mark.parametrize(
    ("amounts", "amount", "invoice", "reason", "suggested"),
    [
        # A tie, of single items and of sums: every answer is listed.
        ((100_00, 100_00), 100_00, None, WaitingReason.SEVERAL_OPEN_ITEMS, {("i1",), ("i2",)}),
        ((10_00, 20_00, 15_00, 15_01, 14_99), 30_00, None, WaitingReason.NO_OPEN_ITEM, {("i1", "i2"), ("i4", "i5")}),
        # Less, more, a slip of the keys.
        ((105_00,), 100_00, "RE-1001", WaitingReason.AMOUNT_DIFFERS, {("i1",)}),
        ((300_00,), 100_00, "RE-1001", WaitingReason.AMOUNT_DIFFERS, {("i1",)}),
        ((100_00,), 98_00, None, WaitingReason.NO_OPEN_ITEM, {("i1",)}),
        ((123_40,), 132_40, None, WaitingReason.NO_OPEN_ITEM, {("i1",)}),
        # The sum is right, and the payer names something else, or something that nobody here knows.
        ((60_13, 40_29), 100_42, "PO 77", WaitingReason.NO_OPEN_ITEM, {("i1", "i2")}),
        # One of the two named invoices has this amount: the payer said two.
        ((100_00, 55_00), 100_00, "RE-1001, RE-1002", WaitingReason.AMOUNT_DIFFERS, {("i1",)}),
        # Nothing: another amount without a name.
        ((300_00,), 100_00, None, WaitingReason.NO_OPEN_ITEM, set()),
    ],
)
def test_everything_else_waits_and_is_at_most_suggested(
    amounts: tuple[int, ...], amount: int, invoice: str | None, reason: WaitingReason, suggested: set[tuple[str, ...]]
) -> None:
    book = ledger(*items(*amounts), paid(amount, invoice))
    assert posted(book) == []
    waiting = [event for event in book.events if isinstance(event, EntryWaiting)]
    assert [event.reason for event in waiting] == [reason]
    options = [event for event in book.events if isinstance(event, MatchSuggested)]
    assert {tuple(sorted(option.abas_open_item_ids)) for option in options} == suggested
    assert all(sum(option.part_amounts) <= amount for option in options)
    assert [option.suggestion_number for option in options] == list(range(1, len(options) + 1))


def test_what_was_nearest_is_reported() -> None:
    book = ledger(*items(110_00, 50_00), paid(100_00))
    detail = next(event.detail for event in book.events if isinstance(event, EntryWaiting))
    assert detail == "no open item of exactly 100.00 USD; nearest is invoice RE-1001 with 110.00 USD open"


def test_payments_that_name_one_invoice_pay_it_together_or_not_at_all() -> None:
    book = ledger(*items(100_00), paid(30_00, "RE-1001", "1"), paid(50_00, "RE-1001", "2", 2))
    assert posted(book) == []
    events = book.when(paid(20_00, "RE-1001", "3", 3))
    assert posted(book) == [("i1", 30_00), ("i1", 50_00), ("i1", 20_00)]
    said = {event.evidence[-1] for event in events if isinstance(event, PaymentMatched)}
    assert said == {"paid together by PT1, PT2, PT3"}


def test_payments_without_a_name_are_not_added_up() -> None:
    book = ledger(*items(100_00), paid(30_00, None, "1"), paid(70_00, None, "2", 2))
    assert posted(book) == []


def test_a_refund_of_a_divided_payment_is_taken_from_each_of_its_documents() -> None:
    book = ledger(*items(60_13, 40_29), paid(100_42))
    book.given(*(done(command) for command in list(book.sent())))
    book.when(identified(Movement.REFUNDED, 70_00, payment="9", invoice=None))
    assert book.sent("cash_receipt_reversal") == [], "without an invoice a refund needs the exact rest"
    book.when(identified(Movement.REFUNDED, 100_42, payment="8", invoice=None))
    reversals = [(command.reverses_reference, command.amount_minor) for command in book.sent("cash_receipt_reversal")]
    assert sorted(minor for _, minor in reversals) == [40_29, 60_13]
    assert {reference for reference, _ in reversals} == {f"{RECEIPT}S1", f"{RECEIPT}S2"}


def test_a_part_of_a_divided_payment_comes_back_from_the_first_that_can_bear_it_else_from_several() -> None:
    book = ledger(*items(60_13, 40_29), paid(100_42, "RE-1001, RE-1002"))
    book.given(*(done(command) for command in list(book.sent())))
    book.when(identified(Movement.REFUNDED, 50_00, payment="8", invoice="RE-1001, RE-1002"))
    (reversal,) = book.sent("cash_receipt_reversal")
    assert (reversal.reverses_reference, reversal.amount_minor) == (f"{RECEIPT}S2", 50_00)
    book.given(done(reversal))
    book.when(identified(Movement.REFUNDED, 45_00, payment="9", invoice="RE-1001, RE-1002"))
    shares = [(one.reverses_reference, one.amount_minor) for one in book.sent("cash_receipt_reversal")[1:]]
    assert shares == [(f"{RECEIPT}S1", 40_29), (f"{RECEIPT}S2", 4_71)]


# --- how much an item can still take


def test_what_abas_showed_before_our_posting_is_not_believed() -> None:
    book = ledger(open_item("i1", 300_00), paid(300_00, "RE-1", "1"))
    assert dict(book.state.available) == {}
    book.given(done(book.sent()[-1]))
    assert dict(book.state.available) == {}
    # abas shows it wrongly open in full: our document still stands.
    book.given(open_item("i1", 299_00, minute=9, amount_minor=300_00))
    assert dict(book.state.available) == {}


def test_what_was_taken_back_counts_once_abas_has_shown_it() -> None:
    book = ledger(open_item("i1", 100_00), paid(100_00, "RE-1", "1"))
    book.given(done(book.sent()[-1]))
    book.given(open_item("i1", 10_00, minute=9, amount_minor=150_00))
    book.given(identified(Movement.VOIDED, payment="1", minute=10))
    taken_back = replace(done(book.sent("cash_receipt_reversal")[-1]), occurred_at=at(11))
    book.given(taken_back)
    assert dict(book.state.available) == {"i1": 10_00}
    book.given(open_item("i1", 110_00, minute=12, amount_minor=150_00))
    assert dict(book.state.available) == {"i1": 110_00}


def test_what_others_paid_counts_too() -> None:
    book = ledger(open_item("i1", 300_00), paid(100_00, "RE-1", "1"), paid(200_00, "RE-1", "2", 2))
    assert posted(book) == [("i1", 100_00), ("i1", 200_00)]
    book = ledger(open_item("i1", 120_00, amount_minor=300_00), paid(150_00, "RE-1"))
    assert dict(book.state.available) == {"i1": 120_00}


# --- words


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, set()),
        ("", set()),
        (" re-1 ", {"RE-1"}),
        ("RE-1, RE-2", {"RE-1", "RE-2"}),
        ("RE-1/RE-2;RE-3 & RE-4", {"RE-1", "RE-2", "RE-3", "RE-4"}),
        ("RE 7", {"RE 7"}),
        ("PO 77", set()),
        ("XRE-1", set()),
    ],
)
def test_the_invoices_that_a_text_names(text: str | None, named: set[str]) -> None:
    known = {"RE-1", "RE-2", "RE-3", "RE-4", "RE 7"}
    assert named_invoices(text, known) == named


def test_the_rules_are_numbered_and_only_exact_ones_can_confirm() -> None:
    rules = RECEIVABLES.rules
    assert int(rules.version) >= 2
    unreachable = {rule.name for rule in rules.rules if rule.confirm_score >= 1000}
    assert unreachable == {rule.name for rule in rules.rules if rule.tolerances or rule.kind}
