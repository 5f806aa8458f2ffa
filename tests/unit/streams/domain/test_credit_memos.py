"""Open credit memos of abas pay invoices: by a person or by rule, in part, once, and back again."""

from __future__ import annotations

from datetime import date
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.erp import PostDocument
from schemas.records.identification import Movement
from schemas.records.receivables import ApplyCreditMemo, DecisionRefused, PostAgain, UnmatchEntry
from streams.domain import receivables
from tests.support.builders import (
    CUSTOMER,
    Asked,
    Ledger,
    at,
    documents,
    done,
    identified,
    key_by,
    open_item,
    posted,
    refused,
)
from tests.support.policies import chosen

OLDEST_FIRST = chosen(apply_credit="oldest_first")
APPLIED, TAKEN_BACK = "credit_memo_application", "credit_memo_application_reversal"


def ledger(*records: Any, policy: Any = None) -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id"), policy).given(*records)


def memo(item: str = "c1", amount: int = 100_00, of: str | None = None, minute: int = 0, **fields: Any) -> Any:
    return open_item(item, -amount, invoice=f"GS-{item}", minute=minute, credits_invoice=of, **fields)


def apply(*parts: tuple[str, int], credit: str = "c1", minute: int = 30, currency: str = "USD") -> ApplyCreditMemo:
    return ApplyCreditMemo(
        command_id=f"apply-{minute}",
        abas_customer_id=CUSTOMER,
        abas_credit_item_id=credit,
        abas_open_item_ids=tuple(item for item, _ in parts),
        part_amounts=tuple(minor for _, minor in parts),
        currency=currency,
        decided_by="mweber",
        reason="as agreed",
        occurred_at=at(minute),
    )


def unmatch(reference: str, minute: int) -> UnmatchEntry:
    return UnmatchEntry(
        command_id=f"unmatch-{minute}",
        abas_customer_id=CUSTOMER,
        posting_reference=reference,
        decided_by="mweber",
        reason="not agreed",
        occurred_at=at(minute),
    )


def references(book: Ledger) -> list[str]:
    return [one.posting_reference for one in book.sent(Asked)]


def test_a_person_applies_a_credit_memo_in_parts_and_the_rest_stays() -> None:
    book = ledger(memo(), open_item("i1", 80_00), open_item("i2", 90_00, invoice="RE-2"))
    posted(book.given(apply(("i1", 30_00)), apply(("i2", 20_00), ("i1", 10_00), minute=31)))
    assert documents(book) == [(APPLIED, "i1", 30_00), (APPLIED, "i2", 20_00), (APPLIED, "i1", 10_00)]
    assert (book.state.available, book.state.credits) == ({"i1": 40_00, "i2": 70_00}, {"c1": 40_00})
    assert len(set(references(book))) == 3


def test_the_document_names_both_items_and_moves_no_money() -> None:
    book = posted(ledger(memo(), open_item("i1", 80_00)).given(apply(("i1", 30_00))))
    (document,) = (out.record for out in book.outputs if isinstance(out.record, PostDocument))
    lines = [(one.role, one.account, one.side.value, one.amount_minor, one.open_item) for one in document.lines]
    assert lines == [
        ("receivable", CUSTOMER, "CREDIT", 30_00, "i1"),
        ("refund_liability", CUSTOMER, "DEBIT", 30_00, "c1"),
    ]
    assert document.values == {"invoice_number": "RE-1", "credit_number": "GS-c1", "value_on": "2026-11-20"}
    assert document.settlement_account is None
    assert sum(entry.signed_minor for entry in book.state.entries.values()) == 0


def test_the_same_command_twice_is_one_application() -> None:
    book = ledger(memo(), open_item("i1", 80_00)).given(apply(("i1", 30_00)), apply(("i1", 30_00)))
    assert documents(book) == [(APPLIED, "i1", 30_00)]


def test_an_application_is_taken_back_and_both_are_open_again() -> None:
    book = posted(ledger(memo(), open_item("i1", 80_00)).given(apply(("i1", 30_00), ("i1", 20_00))))
    first, second = references(book)
    posted(book.given(unmatch(second, 40)))
    assert documents(book)[2:] == [(TAKEN_BACK, "i1", 20_00)]
    assert (book.state.available, book.state.credits) == ({"i1": 50_00}, {"c1": 70_00})
    book.policy = OLDEST_FIRST
    posted(book.given(open_item("i2", 10_00, invoice="RE-2", minute=41)))
    assert documents(book)[3:] == [], "a person took it back, so no rule gives it away again"
    assert isinstance(book.when(unmatch(second, 42))[0], DecisionRefused)
    assert references(book)[2] == f"{second}U1" != f"{first}U1"


REFUSALS: list[tuple[Any, str]] = [
    (apply(("i1", 100_01)), "credit memo GS-c1 has 100.00 USD left, asked for were 100.01 USD"),
    (apply(("i1", 80_01)), "invoice RE-1 has 80.00 USD left to be paid"),
    (apply(("i1", 60_00), ("i1", 30_00)), "invoice RE-1 has 80.00 USD left to be paid"),
    (apply(("i1", 0)), "each more than nothing"),
    (apply(), "say which open items get how much"),
    (apply(("i9", 1_00)), "no open item i9"),
    (apply(("e1", 1_00)), "invoice RE-E is in EUR"),
    (apply(("i1", 1_00), currency="EUR"), "the parts are in EUR, credit memo GS-c1 in USD"),
    (apply(("i1", 1_00), credit="i1"), "i1 is no credit memo of this customer"),
    (apply(("c1", 1_00)), "has 0.00 USD left to be paid"),
]


@pytest.mark.parametrize(("command", "why"), REFUSALS)
def test_a_person_never_applies_more_than_there_is(command: Any, why: str) -> None:
    book = ledger(memo(), open_item("i1", 80_00), open_item("e1", 5_00, currency="EUR", invoice="RE-E"))
    event = book.when(command)[0]
    assert isinstance(event, DecisionRefused)
    assert why in event.refused_because
    assert documents(book) == []


def test_by_rule_the_invoice_due_first_takes_the_oldest_memo() -> None:
    later = open_item("i2", 60_00, invoice="RE-2", due_on=date(2026, 12, 8))
    sooner = open_item("i1", 30_00, due_on=date(2026, 12, 4))
    memos = memo("c2", 50_00, invoiced_on=date(2026, 11, 2)), memo("c1", 20_00, invoiced_on=date(2026, 11, 1))
    book = posted(ledger(later, *memos, sooner, policy=OLDEST_FIRST))
    assert [(item, minor) for _, item, minor in documents(book)] == [("i2", 50_00), ("i2", 10_00), ("i1", 10_00)], (
        "as they came"
    )
    at_once = ledger(later, *memos, sooner)
    at_once.policy = OLDEST_FIRST
    posted(at_once.given(identified(Movement.CAPTURED, 1, invoice="RE-77", minute=5)))
    assert [(item, minor) for _, item, minor in documents(at_once)] == [("i1", 20_00), ("i1", 10_00), ("i2", 40_00)]
    assert at_once.state.credits == {}


def test_without_the_policy_nothing_is_applied() -> None:
    assert documents(ledger(memo(), open_item("i1", 80_00))) == []


def test_a_memo_of_a_paid_invoice_is_left_to_its_refund() -> None:
    book = posted(ledger(open_item("i1", 80_00), identified(Movement.CAPTURED, 80_00, minute=1), policy=OLDEST_FIRST))
    book.given(memo(amount=20_00, of="RE-1", minute=3), open_item("i2", 50_00, invoice="RE-2", minute=4))
    posted(book.given(identified(Movement.REFUNDED, 20_00, payment="9", minute=9)))
    assert documents(book)[1:] == [("credit_memo_refund", "c1", 20_00)]


def test_what_was_applied_cannot_be_paid_out_too() -> None:
    book = posted(ledger(open_item("i1", 80_00), identified(Movement.CAPTURED, 80_00, minute=1)))
    book.given(memo(amount=20_00, of="RE-1", minute=3), open_item("i2", 50_00, invoice="RE-2", minute=4))
    posted(book.given(apply(("i2", 20_00))))
    posted(book.given(identified(Movement.REFUNDED, 20_00, payment="9", minute=40)))
    assert documents(book)[1:] == [(APPLIED, "i2", 20_00), ("cash_receipt_reversal", "i1", 20_00)]


def test_what_abas_refused_to_apply_is_asked_again_or_ended_by_a_person() -> None:
    book = ledger(memo(), open_item("i1", 80_00), policy=OLDEST_FIRST)
    book.given(refused(book.sent(Asked)[0]))
    assert len(documents(book)) == 1, "no rule asks again by itself"
    again = PostAgain(
        command_id="again",
        abas_customer_id=CUSTOMER,
        posting_reference=references(book)[0],
        amount_minor=80_00,
        currency="USD",
        decided_by="mweber",
        reason="period is open",
        occurred_at=at(30),
    )
    book.given(again, refused(book.sent(Asked)[0]))
    assert references(book)[0] == references(book)[1]
    book.policy = chosen()
    book.given(unmatch(references(book)[0], 32))
    assert book.state.waiting == ()
    assert book.state.credits == {"c1": 100_00}


def test_a_memo_booked_at_another_rate_makes_a_difference() -> None:
    item = open_item("i1", 80_00, booked_base_minor=72_00, booked_base_currency="EUR")
    credit = memo(amount=50_00, booked_base_minor=-46_00, booked_base_currency="EUR")
    book = posted(ledger(item, credit, policy=chosen(base_currency="EUR")).given(apply(("i1", 40_00))))
    assert documents(book) == [(APPLIED, "i1", 40_00), ("exchange_difference", "i1", 0)]
    difference = book.state.entries[references(book)[1]]
    assert difference.base_minor == 80, "36.80 off the memo, 36.00 off the invoice"
    posted(book.given(apply(("i1", 10_00), minute=31)))
    values = [one.base_minor for one in book.state.entries.values() if one.kind.value == "CREDIT_MEMO_APPLICATION"]
    assert values == [36_80, 9_20]


moves = st.one_of(
    st.tuples(st.just("memo"), st.sampled_from(["c1", "c2"])),
    st.tuples(st.just("item"), st.sampled_from(["i1", "i2"])),
    st.tuples(st.just("apply"), st.sampled_from(["c1", "c2"]), st.sampled_from(["i1", "i2"]), st.integers(1, 60_00)),
    st.tuples(st.just("pay"), st.sampled_from(["RE-i1", "RE-i2"]), st.sampled_from([20_00, 50_00])),
    st.tuples(st.just("back"), st.integers(0, 9)),
    st.tuples(st.just("answer"), st.sampled_from([done, done, done, refused])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(moves, max_size=20), st.booleans())
def test_nothing_is_applied_twice_and_a_replay_ends_in_the_same_state(steps: list[tuple[Any, ...]], rule: bool) -> None:
    book = ledger(policy=OLDEST_FIRST if rule else chosen())
    answered = 0
    for minute, step in enumerate(steps, 1):
        match step:
            case ("memo", name):
                book.given(*([] if name in _items(book) else [memo(name, 40_00, minute=minute)]))
            case ("item", name):
                book.given(
                    *([] if name in _items(book) else [open_item(name, 50_00, invoice=f"RE-{name}", minute=minute)])
                )
            case ("apply", credit, name, minor):
                book.given(apply((name, minor), credit=credit, minute=minute))
            case ("pay", invoice, minor):
                book.given(identified(Movement.CAPTURED, minor, payment=str(minute), invoice=invoice, minute=minute))
            case ("back", number):
                applied = [one for one in references(book) if one.startswith("C")]
                book.given(*([unmatch(applied[number], minute)] if number < len(applied) else []))
            case ("answer", answer):
                if answered < len(book.sent(Asked)):
                    book.given(answer(book.sent(Asked)[answered]))
                    answered += 1
    if not book.states:
        return
    state = book.state
    for item_id, item in state.items.items():
        entries = list(state.entries.values())
        taken = sum(one.amount_minor for one in entries if one.is_at_abas and item_id == _on(one) and not one.reverses)
        undone = {one.reverses for one in entries if one.is_posted}
        back = sum(one.amount_minor for one in entries if one.posting_reference in undone and item_id == _on(one))
        assert 0 <= taken - back <= abs(item.amount_minor)
        given_away = [one for one in entries if one.abas_credit_item_id == item_id and not one.reverses]
        left = sum(one.amount_minor for one in given_away if one.is_at_abas and one.posting_reference not in undone)
        assert left <= abs(item.amount_minor)
    assert reduce(receivables.evolve, book.events, receivables.INITIAL) == state


def _items(book: Ledger) -> Any:
    return book.state.items if book.states else {}


def _on(entry: Any) -> str | None:
    found: str | None = entry.abas_open_item_id
    return found
