"""By the policy reopen a chargeback opens the invoice again at once, and what comes back of it pays it again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.identification import Movement
from schemas.records.receivables import EntryWaiting, HandToFinance, PutOnAccount, ReassignPayment
from streams.domain import receivables
from tests.support.builders import CUSTOMER, PAYMENT, Ledger, at, documents, done, identified, key_by, open_item, posted
from tests.support.policies import RECEIVABLES, chosen

TAKEN, GIVEN = Movement.CHARGED_BACK, Movement.CHARGEBACK_REVERSED


def ledger(*records: Any, policy: Any = RECEIVABLES) -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id"), policy).given(*records)


def paid(amount: int, invoice: str = "RE-1", payment: str = PAYMENT) -> Any:
    return identified(Movement.CAPTURED, amount, invoice=invoice, minute=1, payment=payment)


def disputed(movement: Movement, amount: int, number: int = 1, dispute: str = "X1") -> Any:
    fact = identified(movement, amount, minute=10 + number, name=f"{dispute}:{number}")
    return replace(fact, dispute_id=dispute)


def live_minor(book: Ledger) -> int:
    return sum(entry.signed_minor for state in book.states.values() for entry in state.entries.values())


def test_a_chargeback_opens_the_invoice_again_and_its_reversal_closes_it() -> None:
    book = posted(ledger(open_item("i1", 80_00), paid(80_00)))
    posted(book.given(disputed(TAKEN, 80_00)))
    assert documents(book)[1:] == [("cash_receipt_chargeback", "i1", 80_00)]
    document = book.sent()[-1].document
    assert (document.values["dispute"], document.reverses_reference) == ("X1", f"PT{PAYMENT}")
    assert [(line.role, line.side) for line in document.lines] == [("receivable", "DEBIT"), ("clearing", "CREDIT")]
    assert book.state.available == {"i1": 80_00}
    posted(book.given(disputed(GIVEN, 80_00, 2)))
    assert documents(book)[2:] == [("cash_receipt_chargeback_returned", "i1", 80_00)]
    assert book.state.available == {}


def test_flips_follow_the_last_fact_whatever_the_amounts() -> None:
    book = posted(ledger(open_item("i1", 100_00), paid(100_00)))
    moves = [(TAKEN, 100_00), (GIVEN, 40_00), (TAKEN, 40_00), (GIVEN, 100_00), (TAKEN, 70_00), (GIVEN, 70_00)]
    owed = 0
    for number, (movement, minor) in enumerate(moves, 1):
        posted(book.given(disputed(movement, minor, number)))
        owed += minor if movement is TAKEN else -minor
        assert book.state.available == ({"i1": owed} if owed else {})
    assert live_minor(book) == 100_00
    assert not book.state.waiting


def test_several_invoices_of_one_payment_are_all_open_again_and_closed_again() -> None:
    items = (open_item("i1", 100_00), open_item("i2", 50_00, invoice="RE-2"))
    book = posted(ledger(*items, paid(150_00, "RE-1, RE-2")))
    posted(book.given(disputed(TAKEN, 150_00)))
    assert book.state.available == {"i1": 100_00, "i2": 50_00}
    posted(book.given(disputed(GIVEN, 120_00, 2)))
    assert sum(book.state.available.values()) == 30_00
    posted(book.given(disputed(GIVEN, 30_00, 3)))
    assert book.state.available == {}
    assert {kind for kind, *_ in documents(book)[4:]} == {"cash_receipt_chargeback_returned"}


def test_before_the_receipt_is_posted_the_two_net_and_what_comes_back_is_posted_as_money_in() -> None:
    book = ledger(paid(80_00)).given(disputed(TAKEN, 80_00))
    assert documents(book) == []
    assert live_minor(book) == 0
    posted(book.given(open_item("i1", 80_00)).given(disputed(GIVEN, 80_00, 2)))
    assert documents(book) == [("cash_receipt_chargeback_returned", "i1", 80_00)]


def test_while_the_receipt_is_on_its_way_a_chargeback_waits_for_it() -> None:
    book = ledger(open_item("i1", 80_00), paid(80_00)).given(disputed(TAKEN, 30_00))
    assert documents(book) == [("cash_receipt", "i1", 80_00)]
    assert isinstance(book.events[-1], EntryWaiting)
    book.given(done(book.sent()[0]))
    assert documents(book)[1:] == [("cash_receipt_chargeback", "i1", 30_00)]


def test_what_comes_back_before_it_was_asked_for_leaves_no_document() -> None:
    book = ledger(open_item("i1", 80_00), paid(80_00)).given(disputed(TAKEN, 30_00)).given(disputed(GIVEN, 20_00, 2))
    posted(book)
    assert documents(book) == [("cash_receipt", "i1", 80_00), ("cash_receipt_chargeback", "i1", 10_00)]


def test_what_comes_back_while_the_chargeback_is_on_its_way_waits_for_it() -> None:
    book = posted(ledger(open_item("i1", 80_00), paid(80_00)))
    book.given(disputed(TAKEN, 80_00)).given(disputed(GIVEN, 80_00, 2))
    assert [kind for kind, *_ in documents(book)] == ["cash_receipt", "cash_receipt_chargeback"]
    posted(book)
    assert documents(book)[2:] == [("cash_receipt_chargeback_returned", "i1", 80_00)]


def test_after_a_partial_refund_the_rest_is_taken_and_never_more() -> None:
    book = posted(ledger(open_item("i1", 100_00), paid(100_00)))
    posted(book.given(identified(Movement.RETURNED, 30_00, minute=5)))
    posted(book.given(disputed(TAKEN, 100_00)))
    assert documents(book)[1:] == [("cash_receipt_reversal", "i1", 30_00), ("cash_receipt_chargeback", "i1", 70_00)]
    (over,) = book.state.waiting
    assert (over.amount_minor, over.dispute_id) == (30_00, "X1")
    assert "30.00" in over.detail


def test_a_refund_after_it_was_won_reverses_what_came_back() -> None:
    book = posted(ledger(open_item("i1", 100_00), paid(100_00)))
    posted(posted(book.given(disputed(TAKEN, 100_00))).given(disputed(GIVEN, 100_00, 2)))
    posted(book.given(identified(Movement.RETURNED, 100_00, minute=30)))
    assert documents(book)[3:] == [("cash_receipt_reversal", "i1", 100_00)]
    assert book.sent()[-1].document.reverses_reference == f"PT{PAYMENT}R"


def test_two_disputes_of_one_payment_are_kept_apart_and_a_repeat_changes_nothing() -> None:
    book = posted(ledger(open_item("i1", 80_00), paid(80_00)))
    posted(book.given(disputed(TAKEN, 30_00)).given(disputed(TAKEN, 50_00, dispute="X2")))
    assert book.when(disputed(TAKEN, 30_00)) == []
    posted(book.given(disputed(GIVEN, 50_00, 2, dispute="X2")))
    assert book.state.available == {"i1": 30_00}
    assert [entry.amount_minor for entry, _ in book.state.chargebacks_of("X1")] == [30_00]


def person(kind: type[Any], **fields: Any) -> Any:
    about = {"abas_customer_id": CUSTOMER, "decided_by": "mweber", "authenticated_by": "session", "reason": "letter"}
    return kind(command_id=f"c-{kind.__name__}", occurred_at=at(40), **about, **fields)


def test_money_on_account_is_taken_off_the_account_and_comes_back_to_it() -> None:
    book = ledger(paid(80_00)).given(person(PutOnAccount, posting_reference=f"PT{PAYMENT}"))
    posted(posted(book).given(disputed(TAKEN, 80_00)))
    posted(book.given(disputed(GIVEN, 80_00, 2)))
    assert [kind for kind, *_ in documents(book)] == [
        "on_account_receipt",
        "on_account_chargeback",
        "on_account_chargeback_returned",
    ]


def test_money_on_account_that_paid_an_invoice_meanwhile_opens_it_again() -> None:
    on_account = person(PutOnAccount, posting_reference=f"PT{PAYMENT}")
    book = posted(ledger(paid(80_00), on_account, policy=chosen(apply_on_account="oldest_first")))
    posted(book.given(open_item("i1", 80_00, invoice="RE-9", minute=3)))
    posted(book.given(disputed(TAKEN, 80_00)))
    assert [kind for kind, *_ in documents(book)][1:] == [
        "on_account_application",
        "on_account_application_reversal",
        "on_account_chargeback",
    ]
    assert book.state.available == {"i1": 80_00}


def test_money_that_moves_to_another_customer_takes_its_disputes_along() -> None:
    book = posted(ledger(open_item("i1", 80_00), paid(80_00)))
    posted(book.given(disputed(TAKEN, 30_00)))
    move = person(ReassignPayment, paytrace_transaction_id=PAYMENT, to_customer_id="70002")
    posted(book.given(move))
    book.given(disputed(GIVEN, 30_00, 2))
    assert live_minor(book) == book.states[CUSTOMER].left_of_payment(PAYMENT) == 0


def test_a_chargeback_that_finance_booked_nets_with_what_comes_back() -> None:
    book = posted(ledger(open_item("i1", 80_00), paid(80_00)))
    posted(book.given(identified(Movement.RETURNED, 80_00, minute=5)))
    book.given(disputed(TAKEN, 50_00))
    book.given(person(HandToFinance, posting_reference=f"PT{PAYMENT}K"))
    posted(book.given(disputed(GIVEN, 50_00, 2)))
    assert [kind for kind, *_ in documents(book)] == ["cash_receipt", "cash_receipt_reversal"]
    assert not book.state.waiting


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["X1", "X2"]), st.sampled_from([0, 20_00, 50_00])), max_size=8),
    st.booleans(),
    st.sampled_from(["RE-1", "RE-1, RE-2"]),
)
def test_any_flips_of_two_disputes_end_with_what_their_last_facts_take(
    facts: list[tuple[str, int]], is_late: bool, invoices: str
) -> None:
    """What a dispute takes now is off the invoices in the end, whenever abas answers; no cent is elsewhere."""
    items = (open_item("i1", 60_00), open_item("i2", 40_00, invoice="RE-2")) if "," in invoices else (open_item(),)
    book, now = ledger(*items, paid(100_00, invoices)), {"X1": 0, "X2": 0}
    for number, (dispute, minor) in enumerate(facts, 1):
        if difference := minor - now[dispute]:
            book.given(disputed(TAKEN if difference > 0 else GIVEN, abs(difference), number, dispute))
            now[dispute] = minor
            assert live_minor(book) == 100_00 - sum(now.values())
        if not is_late:
            posted(book)
    posted(book)
    assert sum(book.state.available.values()) == sum(now.values())
    assert not book.state.waiting
