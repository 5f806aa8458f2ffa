"""Money on account by rule: what goes there, what open items take of it, and that it comes back when asked for."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.identification import Movement
from schemas.records.receivables import (
    ApplyOnAccount,
    DecisionRefused,
    EntryPutOnAccount,
    EntryWaiting,
    PutOnAccount,
    UnmatchEntry,
)
from streams.domain import receivables
from tests.support.builders import (
    CUSTOMER,
    PAYMENT,
    SIGNS,
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

RECEIPT = f"PT{PAYMENT}"
ON_ACCOUNT = chosen(unapplied="on_account")
OLDEST_FIRST = chosen(unapplied="on_account", apply_on_account="oldest_first")


def ledger(*records: Any, policy: Any = ON_ACCOUNT) -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id"), policy).given(*records)


def paid(amount: int, invoice: str | None = None, payment: str = PAYMENT, minute: int = 1) -> Any:
    return identified(Movement.CAPTURED, amount, payment=payment, invoice=invoice, minute=minute)


def back(movement: Movement, amount: int, minute: int = 9, payment: str = PAYMENT) -> Any:
    return identified(movement, amount, payment=payment, invoice=None, minute=minute)


def on_account(book: Ledger) -> int:
    return sum(minor for _, minor in book.state.on_account)


def said(book: Ledger) -> list[str]:
    return [event.detail for event in book.events if isinstance(event, EntryPutOnAccount)]


def decided(kind: type[Any], **fields: Any) -> Any:
    return kind(
        command_id=str(len(fields)) + kind.__name__,
        abas_customer_id=CUSTOMER,
        decided_by="mweber",
        reason="customer asked",
        occurred_at=at(30),
        **fields,
    )


# -- what goes on account ----------------------------------------------------------------------------------------------


def test_more_than_the_named_invoice_pays_it_and_the_rest_goes_on_account() -> None:
    book = posted(ledger(open_item("i1", 100_00), paid(120_00, "RE-1")))
    assert documents(book) == [("cash_receipt", "i1", 100_00), ("on_account_receipt", None, 20_00)]
    assert said(book) == ["20.00 USD more than is open of RE-1; it belongs to the customer"]
    assert on_account(book) == 20_00


def test_more_than_all_named_invoices_pays_each_in_full() -> None:
    items = (open_item("i1", 60_00), open_item("i2", 30_00, invoice="RE-2"))
    book = posted(ledger(*items, paid(100_00, "RE-1, RE-2")))
    assert documents(book) == [
        ("cash_receipt", "i1", 60_00),
        ("cash_receipt", "i2", 30_00),
        ("on_account_receipt", None, 10_00),
    ]


def test_a_second_payment_of_a_paid_invoice_is_told_as_a_likely_double_payment() -> None:
    book = posted(ledger(open_item("i1", 50_00), paid(50_00, "RE-1", "1"), paid(50_00, "RE-1", "2", 2)))
    assert documents(book) == [("cash_receipt", "i1", 50_00), ("on_account_receipt", None, 50_00)]
    assert said(book) == ["likely a double payment of RE-1, paid by PT1"]


def test_an_invoice_that_is_paid_otherwise_takes_nothing_more() -> None:
    book = posted(ledger(open_item("i1", 50_00, is_open=False), paid(50_00, "RE-1")))
    assert (documents(book), said(book)) == ([("on_account_receipt", None, 50_00)], ["nothing is open of RE-1"])


def test_money_that_names_nothing_goes_on_account_when_nothing_fits() -> None:
    book = posted(ledger(paid(70_00), open_item("i1", 30_00, minute=2)))
    assert (documents(book), said(book)) == ([("on_account_receipt", None, 70_00)], ["names no invoice"])


def test_money_that_names_nothing_pays_the_only_item_of_its_amount() -> None:
    assert documents(ledger(open_item("i1", 70_00), paid(70_00))) == [("cash_receipt", "i1", 70_00)]


@pytest.mark.parametrize(
    ("items", "payment"),
    [
        # A tie is a person's to break.
        ([open_item("i1", 50_00), open_item("i2", 50_00, invoice="RE-2")], paid(50_00)),
        # An invoice that may still come.
        ([], paid(50_00, "RE-9")),
        ([open_item("i1", 30_00)], paid(50_00, "RE-1, RE-9")),
        # Less than is open.
        ([open_item("i1", 90_00)], paid(50_00, "RE-1")),
        # Another currency.
        ([open_item("i1", 30_00, currency="EUR")], paid(50_00, "RE-1")),
    ],
)
def test_what_a_person_or_a_missing_fact_may_still_answer_waits(items: list[Any], payment: Any) -> None:
    assert documents(ledger(*items, payment)) == []


def test_without_the_choice_all_of_it_waits() -> None:
    book = Ledger(receivables, key_by("abas_customer_id")).given(open_item("i1", 100_00), paid(120_00, "RE-1"))
    assert documents(book) == []
    assert isinstance(book.events[-1], EntryWaiting)


def test_money_about_which_a_person_said_no_stays_with_that_person() -> None:
    book = posted(ledger(open_item("i1", 50_00), paid(50_00, "RE-1")))
    book.when(decided(UnmatchEntry, posting_reference=RECEIPT))
    posted(book)
    assert book.sent("on_account_receipt") == []


# -- what open items take ----------------------------------------------------------------------------------------------


def test_open_items_take_money_on_account_the_oldest_due_first_and_never_more_than_there_is() -> None:
    later = open_item("i2", 60_00, invoice="RE-2", minute=2, due_on=date(2026, 12, 8))
    sooner = open_item("i1", 30_00, minute=3, due_on=date(2026, 12, 4))
    book = posted(ledger(paid(70_00), later, sooner, policy=OLDEST_FIRST))
    assert documents(book)[1:] == [("on_account_application", "i1", 30_00), ("on_account_application", "i2", 40_00)]
    assert on_account(book) == 0
    one_by_one = posted(posted(ledger(paid(70_00), policy=OLDEST_FIRST)).given(later, sooner))
    assert [line[1:] for line in documents(one_by_one)[1:]] == [("i2", 60_00), ("i1", 10_00)]


def test_a_document_of_an_application_names_item_and_day() -> None:
    book = posted(ledger(paid(70_00), open_item("i1", 30_00, minute=2), policy=OLDEST_FIRST))
    (application,) = book.sent("on_account_application")
    assert (application.posting_reference, application.invoice_number) == (f"{RECEIPT}P1", "RE-1")
    assert application.text == "applied by rule, oldest due first"


def test_an_item_that_is_suggested_for_a_payment_that_waits_is_left_to_a_person() -> None:
    book = posted(ledger(paid(70_00), open_item("i1", 90_00, minute=2), policy=ON_ACCOUNT))
    book.policy = OLDEST_FIRST
    book.given(paid(50_00, "RE-1", "2", 3))
    assert book.sent("on_account_application") == []


# -- what is asked back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("movement", [Movement.VOIDED, Movement.RETURNED])
def test_applied_money_that_is_asked_back_comes_from_the_items_first(movement: Movement) -> None:
    items = (open_item("i1", 30_00, minute=2), open_item("i2", 60_00, invoice="RE-2", minute=3))
    book = posted(ledger(paid(70_00), *items, policy=OLDEST_FIRST))
    posted(book.given(back(movement, 70_00)))
    assert documents(book)[3:] == [
        ("on_account_application_reversal", "i2", 40_00),
        ("on_account_application_reversal", "i1", 30_00),
        ("on_account_receipt_reversal", None, 70_00),
    ]
    assert book.state.available == {"i1": 30_00, "i2": 60_00}


def test_a_void_of_an_overpayment_frees_what_was_applied_and_opens_each_item_once() -> None:
    book = posted(ledger(open_item("i1", 100_00), paid(120_00, "RE-1"), policy=OLDEST_FIRST))
    posted(book.given(open_item("i2", 50_00, invoice="RE-2", minute=3), back(Movement.VOIDED, 120_00)))
    assert documents(book)[3:] == [
        ("cash_receipt_reversal", "i1", 100_00),
        ("on_account_application_reversal", "i2", 20_00),
        ("on_account_receipt_reversal", None, 20_00),
    ]


def test_a_refund_takes_what_is_on_account_before_it_opens_an_invoice() -> None:
    book = posted(ledger(open_item("i1", 100_00), paid(120_00, "RE-1")))
    posted(book.given(identified(Movement.REFUNDED, 20_00, payment="9", invoice="RE-1", minute=5)))
    assert documents(book)[2:] == [("on_account_receipt_reversal", None, 20_00)]
    assert on_account(book) == 0


def test_of_applied_money_only_what_is_asked_back_is_freed_and_the_rest_is_applied_again() -> None:
    book = posted(ledger(paid(70_00), open_item("i1", 70_00, minute=2), policy=chosen(apply_on_account="oldest_first")))
    assert documents(book) == [("cash_receipt", "i1", 70_00)]
    other = posted(ledger(paid(70_00, None), policy=OLDEST_FIRST).given(open_item("i1", 60_00, minute=2)))
    posted(other.given(back(Movement.REFUNDED, 70_00, payment="9")))
    assert documents(other)[-1] == ("on_account_receipt_reversal", None, 70_00)


def test_what_abas_refused_to_apply_is_given_back_without_a_document() -> None:
    book = posted(ledger(paid(70_00), policy=OLDEST_FIRST))
    book.given(open_item("i1", 30_00, minute=2))
    book.given(refused(book.sent("on_account_application")[0]))
    assert on_account(book) == 40_00
    posted(book.given(back(Movement.VOIDED, 70_00)))
    assert documents(book)[-1] == ("on_account_receipt_reversal", None, 70_00)
    assert book.sent("on_account_application_reversal") == []


# -- what a person does ------------------------------------------------------------------------------------------------


def test_a_person_applies_money_on_account_and_takes_it_back() -> None:
    book = posted(
        ledger(paid(70_00), open_item("i1", 30_00, minute=2), open_item("i2", 60_00, invoice="RE-2", minute=3))
    )
    parts = {"abas_open_item_ids": ("i2", "i1"), "part_amounts": (20_00, 10_00), "currency": "USD"}
    posted(book.given(decided(ApplyOnAccount, posting_reference=RECEIPT, **parts)))
    assert documents(book)[1:] == [("on_account_application", "i2", 20_00), ("on_account_application", "i1", 10_00)]
    assert on_account(book) == 40_00
    book.policy = OLDEST_FIRST
    posted(book.given(decided(UnmatchEntry, posting_reference=f"{RECEIPT}P1")))
    assert documents(book)[3:] == [("on_account_application_reversal", "i2", 20_00)], "no rule decides about it again"
    assert on_account(book) == 60_00


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"part_amounts": (70_01,)}, "has 70.00 USD left on account, asked for were 70.01 USD"),
        ({"part_amounts": (30_01,)}, "invoice RE-1 has 30.00 USD left to be paid"),
        ({"part_amounts": (0,)}, "each more than nothing"),
        ({"abas_open_item_ids": ("i9",)}, "no open item i9"),
        ({"currency": "EUR"}, "the parts are in EUR, on account is 70.00 USD"),
        ({"posting_reference": "PT0"}, "PT0 is no money on account of this customer"),
    ],
)
def test_a_person_never_applies_more_than_there_is(fields: dict[str, Any], why: str) -> None:
    book = posted(ledger(paid(70_00), open_item("i1", 30_00, minute=2)))
    whole = {"posting_reference": RECEIPT, "abas_open_item_ids": ("i1",), "part_amounts": (30_00,), "currency": "USD"}
    (event, *_) = book.when(decided(ApplyOnAccount, **(whole | fields)))
    assert isinstance(event, DecisionRefused)
    assert why in event.refused_because


def test_what_a_person_put_on_account_is_applied_by_rule_too() -> None:
    book = Ledger(receivables, key_by("abas_customer_id")).given(paid(50_00, "RE-9"))
    posted(book.given(decided(PutOnAccount, posting_reference=RECEIPT)))
    book.policy = OLDEST_FIRST
    posted(book.given(open_item("i1", 30_00, minute=40)))
    assert documents(book)[-1] == ("on_account_application", "i1", 30_00)


# -- whatever happens --------------------------------------------------------------------------------------------------

records = st.one_of(
    st.tuples(
        st.just("paid"), st.sampled_from("123"), st.sampled_from([30_00, 70_00]), st.sampled_from(["RE-1", None])
    ),
    st.tuples(st.just("item"), st.sampled_from(["i1", "i2"]), st.booleans()),
    st.tuples(st.just("back"), st.sampled_from([Movement.VOIDED, Movement.RETURNED]), st.sampled_from("123")),
    st.tuples(st.just("refund"), st.sampled_from("89"), st.sampled_from([20_00, 70_00])),
    st.tuples(st.just("answer"), st.sampled_from([done, done, done, refused])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(records, max_size=18), st.booleans())
def test_no_cent_is_lost_or_applied_twice(moves: list[tuple[Any, ...]], applies: bool) -> None:
    book = ledger(policy=OLDEST_FIRST if applies else ON_ACCOUNT)
    money, answered = 0, 0
    amounts: dict[str, int] = {}
    for minute, move in enumerate(moves, 1):
        match move:
            case ("paid", payment, amount, invoice):
                money += 0 if payment in amounts else amount
                amounts.setdefault(payment, amount)
                book.when(paid(amount, invoice, payment, minute))
            case ("item", item_id, is_open):
                number = f"RE-{item_id[1]}"
                book.when(open_item(item_id, 50_00, invoice=number, minute=minute, is_open=is_open))
            case ("back", movement, payment) if payment in amounts:
                record = back(movement, amounts[payment], minute, payment)
                known = book.states[CUSTOMER].movement_ids if book.states else frozenset()
                money += 0 if record.movement_id in known else SIGNS[movement] * record.amount_minor
                book.when(record)
            case ("refund", refund, amount) if f"{refund}:REFUNDED" not in (
                book.states[CUSTOMER].movement_ids if book.states else ()
            ):
                money -= amount
                book.when(back(Movement.REFUNDED, amount, minute, refund))
            case ("answer", answer):
                commands = [one for one in book.sent() if isinstance(one, Asked)]
                if answered < len(commands):
                    book.when(answer(commands[answered]))
                    answered += 1
    if not book.states:
        return
    state = book.state
    assert sum(entry.signed_minor for entry in state.entries.values()) == money
    for entry in state.entries.values():
        if entry.on_account and entry.is_receipt:
            assert state.applied_minor(entry) <= entry.amount_minor
    for item_id, item in state.items.items():
        held = sum(one.clears_minor for one in state.entries.values() if one.abas_open_item_id == item_id)
        assert held <= item.amount_minor
