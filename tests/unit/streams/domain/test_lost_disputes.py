"""A dispute that is lost opens its invoices again, for what is still there of the receipt; won after all, no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schemas.records.identification import Movement
from streams.domain import receivables
from tests.support.builders import Ledger, documents, done, identified, key_by, open_item, posted
from tests.support.policies import RECEIVABLES, chosen

LOST, WON = Movement.CHARGEBACK_LOST, Movement.CHARGEBACK_LOST_REVERSED


def ledger(*records: Any, policy: Any = RECEIVABLES) -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id"), policy).given(*records)


def paid(amount: int, invoice: str = "RE-1") -> Any:
    return identified(Movement.CAPTURED, amount, invoice=invoice, minute=1)


def lost(movement: Movement, amount: int, number: int = 1, dispute: str = "X1") -> Any:
    fact = identified(movement, amount, minute=10 + number, name=f"{dispute}:{number}")
    return replace(fact, dispute_id=dispute)


def test_a_lost_dispute_opens_the_invoice_again_and_the_document_names_the_dispute() -> None:
    book = posted(ledger(open_item("i1", 80_00), paid(80_00)))
    posted(book.given(lost(LOST, 80_00)))
    assert documents(book)[1:] == [("chargeback_lost", "i1", 80_00)]
    document = book.sent()[-1].document
    assert (document.values["dispute"], document.reverses_reference) == ("X1", None)
    assert [(line.role, line.side) for line in document.lines] == [
        ("receivable", "DEBIT"),
        ("chargeback_receivable", "CREDIT"),
    ]
    assert book.state.available == {"i1": 80_00}


def test_each_invoice_that_the_payment_paid_is_open_again_with_its_part() -> None:
    items = (open_item("i1", 100_00), open_item("i2", 50_00, invoice="RE-2"))
    book = posted(ledger(*items, paid(150_00, "RE-1, RE-2")))
    posted(book.given(lost(LOST, 150_00)))
    assert sorted(documents(book)[2:]) == [("chargeback_lost", "i1", 100_00), ("chargeback_lost", "i2", 50_00)]


def test_what_was_refunded_before_is_not_opened_a_second_time() -> None:
    book = posted(ledger(open_item("i1", 100_00), paid(100_00)))
    posted(book.given(identified(Movement.RETURNED, 30_00, minute=5)))
    posted(book.given(lost(LOST, 100_00)))
    assert documents(book)[1:] == [("cash_receipt_reversal", "i1", 30_00), ("chargeback_lost", "i1", 70_00)]


def test_won_after_all_takes_it_back_and_lost_once_more_opens_it_again() -> None:
    book = posted(ledger(open_item("i1", 80_00), paid(80_00)))
    posted(book.given(lost(LOST, 80_00)))
    posted(book.given(lost(WON, 80_00, 2)))
    assert documents(book)[2:] == [("chargeback_lost_reversal", "i1", 80_00)]
    assert book.sent()[-1].document.reverses_reference == book.sent()[-2].posting_reference
    assert book.state.available == {}
    posted(book.given(lost(LOST, 80_00, 3)))
    assert documents(book)[3:] == [("chargeback_lost", "i1", 80_00)]


def test_it_waits_for_the_receipt_and_for_the_document_that_it_takes_back() -> None:
    book = ledger(open_item("i1", 80_00), paid(80_00)).given(lost(LOST, 80_00))
    assert documents(book) == [("cash_receipt", "i1", 80_00)]
    book.given(done(book.sent()[0])).given(lost(WON, 80_00, 2))
    assert [kind for kind, *_ in documents(book)] == ["cash_receipt", "chargeback_lost"]
    posted(book)
    assert [kind for kind, *_ in documents(book)] == ["cash_receipt", "chargeback_lost", "chargeback_lost_reversal"]


def test_two_disputes_of_one_payment_are_kept_apart_and_a_repeat_changes_nothing() -> None:
    book = posted(ledger(open_item("i1", 80_00), paid(80_00)))
    posted(book.given(lost(LOST, 30_00)).given(lost(LOST, 50_00, dispute="X2")))
    assert documents(book)[1:] == [("chargeback_lost", "i1", 30_00), ("chargeback_lost", "i1", 50_00)]
    assert book.when(lost(LOST, 30_00)) == []
    posted(book.given(lost(WON, 50_00, 2, dispute="X2")))
    assert documents(book)[3:] == [("chargeback_lost_reversal", "i1", 50_00)]


def test_by_policy_nothing_is_opened_again_here() -> None:
    for choices in ({"chargeback_lost": "write_off"}, {"chargeback": "reopen"}):
        book = posted(ledger(open_item("i1", 80_00), paid(80_00), policy=chosen(**choices)))
        posted(book.given(lost(LOST, 80_00)))
        assert len(documents(book)) == 1


def test_money_on_account_goes_before_an_invoice_is_opened_and_comes_back_when_it_is_won() -> None:
    book = posted(ledger(open_item("i1", 100_00), paid(120_00), policy=chosen(unapplied="on_account")))
    posted(book.given(lost(LOST, 120_00)))
    assert documents(book)[2:] == [("chargeback_lost", None, 20_00), ("chargeback_lost", "i1", 100_00)]
    assert ("on_account", "DEBIT") in [(line.role, line.side) for line in book.sent()[2].document.lines]
    posted(book.given(lost(WON, 120_00, 2)))
    assert [minor for _, minor in book.state.on_account] == [20_00]
    assert book.state.available == {}
