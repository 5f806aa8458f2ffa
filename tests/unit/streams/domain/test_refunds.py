"""Refunds against credit memos, without one, larger than what is left, over several invoices, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.identification import Movement
from schemas.records.receivables import EntryPutOnAccount, EntryWaiting
from streams.domain import receivables
from tests.support.builders import PAYMENT, Asked, Ledger, identified, key_by, open_item, posted
from tests.support.policies import chosen

LIABILITY = chosen(refund_without_credit_memo="liability")


def ledger(*records: Any, policy: Any = None) -> Ledger:
    return posted(Ledger(receivables, key_by("abas_customer_id"), policy).given(*records))


def then(book: Ledger, *records: Any) -> list[tuple[str, str | None, int]]:
    """What abas was asked for because of these records: kind, open item, amount."""
    before = len(book.sent())
    posted(book.given(*records))
    asked = (one for one in book.sent()[before:] if isinstance(one, Asked))
    return [(one.kind, one.abas_open_item_id, one.amount_minor) for one in asked]


def memo(number: str, minor: int, invoice: str | None = "RE-1", minute: int = 3, left: int | None = None) -> Any:
    """A credit memo as abas shows it: an item with negative amounts."""
    still = minor if left is None else left
    return open_item(number, -still, invoice=number, minute=minute, amount_minor=-minor, credits_invoice=invoice)


def paid(amount: int = 100_00, invoice: str = "RE-1", payment: str = PAYMENT) -> Any:
    return identified(Movement.CAPTURED, amount, payment=payment, invoice=invoice, minute=1)


def refund(amount: int, number: str = "9", invoice: str | None = "RE-1", minute: int = 5) -> Any:
    return identified(Movement.REFUNDED, amount, payment=number, invoice=invoice, minute=minute)


def came_back(amount: int, number: str = "9") -> Any:
    return identified(Movement.REFUND_VOIDED, amount, payment=number, invoice="RE-1", minute=8)


def available(book: Ledger) -> dict[str, int]:
    return dict(book.state.available)


def test_a_refund_after_its_credit_memo_pays_it_out_and_the_invoice_stays_paid() -> None:
    book = ledger(open_item("i1", 100_00), paid(), memo("c1", 100_00))
    assert then(book, refund(100_00)) == [("credit_memo_refund", "c1", 100_00)]
    assert (available(book), dict(book.state.credits)) == ({}, {})


def test_a_refund_without_credit_memo_opens_the_invoice_again() -> None:
    book = ledger(open_item("i1", 100_00), paid())
    assert then(book, refund(100_00)) == [("cash_receipt_reversal", "i1", 100_00)]


def test_by_policy_a_refund_without_credit_memo_stands_on_account_until_it_is_credited() -> None:
    book = ledger(open_item("i1", 100_00), paid(), policy=LIABILITY)
    assert then(book, refund(40_00)) == [("on_account_refund", None, 40_00)]
    assert available(book) == {}
    assert then(book, memo("c2", 60_00), refund(60_00, "r2", minute=6)) == [("credit_memo_refund", "c2", 60_00)]


def test_partial_refunds_with_and_without_memos_take_each_memo_once() -> None:
    book = ledger(open_item("i1", 249_95), paid(249_95))
    assert then(book, refund(10_00, "r1")) == [("cash_receipt_reversal", "i1", 10_00)]
    # The memo of 1.00 came while 10.00 were open, so abas netted it; one of 10.00 that is left is paid out.
    assert then(book, memo("c2", 10_00, minute=6), refund(10_00, "r3", minute=7)) == [
        ("credit_memo_refund", "c2", 10_00)
    ]
    assert then(book, refund(5_00, "r4", minute=9)) == [("cash_receipt_reversal", "i1", 5_00)]


def test_what_is_more_than_the_memo_opens_the_invoice() -> None:
    book = ledger(open_item("i1", 100_00), paid(), memo("c1", 30_00))
    assert then(book, refund(50_00)) == [("credit_memo_refund", "c1", 30_00), ("cash_receipt_reversal", "i1", 20_00)]


def test_the_credit_memos_say_how_a_refund_of_two_invoices_is_divided() -> None:
    items = (open_item("i1", 100_00), open_item("i2", 50_00, invoice="RE-2"))
    book = ledger(*items, paid(150_00, "RE-1, RE-2"), memo("c1", 10_00), memo("c2", 50_00, "RE-2"))
    asked = then(book, refund(60_00, invoice="RE-1, RE-2"))
    assert sorted(asked) == [("credit_memo_refund", "c1", 10_00), ("credit_memo_refund", "c2", 50_00)]
    assert available(book) == {}


def test_each_refund_keeps_to_its_own_payment() -> None:
    book = ledger(open_item("i1", 10_00), paid(4_00, payment="1"), paid(6_00, payment="2"), memo("c1", 4_00))
    assert then(book, refund(4_00, "r1", None)) == [("credit_memo_refund", "c1", 4_00)]
    assert then(book, memo("c2", 6_00, minute=7), refund(6_00, "r2", None, 8)) == [("credit_memo_refund", "c2", 6_00)]


@pytest.mark.parametrize("unsplit", [True, False])
def test_a_refund_that_comes_back_is_a_debt_again_and_no_new_payment(unsplit: bool) -> None:
    memos = [memo("c1", 80_00)] if unsplit else [memo("c1", 50_00), memo("c2", 30_00)]
    book = ledger(open_item("i1", 80_00), paid(80_00), *memos)
    out = then(book, refund(80_00))
    back = then(book, came_back(80_00))
    assert [(f"{kind}_reversal", item, minor) for kind, item, minor in out] == back
    assert (available(book), sum(book.state.credits.values())) == ({}, 80_00)
    assert then(book, refund(80_00, "10", None, 12)) == out, "paid another way, out of the same memos"


@pytest.mark.parametrize("left", [0, 5_00])
def test_a_refund_that_comes_back_after_a_memo_closed_its_invoice_is_owed_by_the_memo_again(left: int) -> None:
    book = ledger(open_item("i1", 100_00), paid())
    assert then(book, refund(40_00)) == [("cash_receipt_reversal", "i1", 40_00)]
    closed = open_item("i1", 0, minute=7, is_open=False, amount_minor=100_00)
    book.given(closed, memo("c1", 40_00 + left, minute=7, left=left))
    assert then(book, came_back(40_00)) == [("credit_memo_refund_reversal", "c1", 40_00)]
    book.given(memo("c1", 40_00 + left, minute=30, left=40_00 + left))
    assert dict(book.state.credits) == {"c1": 40_00 + left}
    assert then(book, refund(40_00, "10", minute=31)) == [("credit_memo_refund", "c1", 40_00)], "paid out once more"
    assert book.state.left_of_payment(PAYMENT) == 60_00


def test_a_refund_that_comes_back_while_its_invoice_is_open_pays_the_invoice_again() -> None:
    book = ledger(open_item("i1", 100_00), paid())
    assert then(book, refund(40_00)) == [("cash_receipt_reversal", "i1", 40_00)]
    book.given(open_item("i1", 40_00, minute=7, amount_minor=100_00), memo("c2", 10_00, invoice="RE-2", minute=7))
    assert then(book, came_back(40_00)) == [("cash_receipt", "i1", 40_00)]


def test_a_refund_of_more_than_is_left_is_a_claim_without_an_invoice() -> None:
    book = ledger(open_item("i1", 100_00), paid(), policy=chosen(unapplied="on_account"))
    assert then(book, refund(60_00, "r1")) == [("cash_receipt_reversal", "i1", 60_00)]
    assert then(book, refund(50_00, "r2", minute=6)) == [
        ("on_account_refund", None, 10_00),
        ("cash_receipt_reversal", "i1", 40_00),
    ]
    assert available(book) == {"i1": 100_00}, "never open with more than its amount"
    (told,) = (event.detail for event in book.events if isinstance(event, EntryPutOnAccount))
    assert told == f"10.00 USD more than is left of payment {PAYMENT}; the customer owes it"


def test_a_debit_that_comes_back_after_a_refund_takes_all_of_it() -> None:
    book = ledger(open_item("i1", 100_00), paid(), memo("c1", 40_00), policy=chosen(unapplied="on_account"))
    then(book, refund(40_00))
    assert then(book, identified(Movement.RETURNED, 100_00, minute=20)) == [
        ("on_account_refund", None, 40_00),
        ("cash_receipt_reversal", "i1", 60_00),
    ]
    assert available(book) == {"i1": 60_00}, "goods of 60.00 are owed, and the 40.00 that were paid out"


def test_without_the_choice_it_waits_in_whole() -> None:
    book = ledger(open_item("i1", 100_00), paid())
    assert then(book, refund(60_00, "r1"), refund(50_00, "r2", minute=6)) == [("cash_receipt_reversal", "i1", 60_00)]
    assert any(isinstance(event, EntryWaiting) and event.posting_reference == "PTr2" for event in book.events)


moves = st.one_of(
    st.tuples(st.just("refund"), st.sampled_from(["r1", "r2", "r3"]), st.sampled_from([10_00, 40_00, 70_00])),
    st.tuples(st.just("memo"), st.sampled_from(["c1", "c2"]), st.sampled_from([10_00, 40_00])),
    st.tuples(st.just("back"), st.sampled_from(["r1", "r2", "r3"]), st.just(0)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(moves, max_size=8), st.sampled_from(["reopen", "liability"]))
def test_no_cent_is_lost_and_no_memo_paid_out_twice(steps: list[tuple[str, str, int]], policy: str) -> None:
    book = ledger(
        open_item("i1", 100_00), paid(), policy=chosen(unapplied="on_account", refund_without_credit_memo=policy)
    )
    money, refunds = 100_00, dict[str, int]()
    for minute, (what, name, minor) in enumerate(steps, 10):
        match what:
            case "refund" if name not in refunds:
                refunds[name] = minor
                money -= minor
                posted(book.given(refund(minor, name, minute=minute)))
            case "memo" if name not in book.state.items:
                posted(book.given(memo(name, minor, minute=minute)))
            case "back" if (came := refunds.get(name)) and f"{name}:REFUND_VOIDED" not in book.state.movement_ids:
                money += came
                posted(book.given(came_back(came, name)))
    entries = book.state.entries.values()
    assert sum(entry.signed_minor for entry in entries) == money
    assert all(minor <= 100_00 for minor in book.state.available.values())
    for name, item in book.state.items.items():
        out = [one for one in entries if one.is_credited and one.abas_open_item_id == name and one.is_posted]
        assert sum(-one.signed_minor for one in out) <= abs(item.amount_minor)
