"""Refunds that name nobody: found by the last four digits, amount and day, over all customers; a tie waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pytest

from schemas.records.identification import AssignCustomer, Movement, PaymentIdentified, RememberReference, WaitingReason
from schemas.records.receivables import DecisionRefused, EntryWaiting, RefundMatched
from streams.domain import identification, receivables
from tests.support.builders import Ledger, at, identified, key_by, open_item, posted, to_identify
from tests.unit.streams.domain.test_payer import Payers, known

CARD, OTHER = "card:main/USD/4242", "card:main/USD/1881"


def paid(payment: str, minor: int, *, card: str | None = CARD, day: int = 2) -> Any:
    """A payment that names its invoice, RE-<payment>."""
    movement = to_identify(f"invoice:RE-{payment}", amount_minor=minor, payment=payment)
    return replace(movement, card_token=card, value_on=date(2026, 3, day))


def refunded(number: str, minor: int, *, card: str = CARD, day: int = 6, movement: Movement = Movement.REFUNDED) -> Any:
    """A refund of the Virtual Terminal: neither customer nor invoice."""
    one = to_identify(card, amount_minor=minor, payment=number, movement=movement)
    return replace(one, card_token=card, invoice_number=None, vault_customer_id=None, value_on=date(2026, 3, day))


def of(payment: str, customer: str) -> Any:
    return known(f"invoice:RE-{payment}", customer)


def whose(payers: Payers) -> dict[str, str]:
    return {one.paytrace_transaction_id: one.abas_customer_id for one in payers.identified}


TWO_CARDS = (of("1", "K1"), of("2", "K2"), paid("1", 45_00), paid("2", 45_00, card=OTHER), refunded("9", 45_00))


@pytest.mark.parametrize("order", list(permutations(range(5))))
def test_the_customer_of_the_only_payment_of_that_card_is_found_in_any_order(order: tuple[int, ...]) -> None:
    payers = Payers()
    payers.report(*(TWO_CARDS[number] for number in order))
    assert whose(payers)["9"] == "K1"
    assert [one.identified_by for one in payers.identified if one.paytrace_transaction_id == "9"] == [CARD]


def test_a_payment_of_this_amount_goes_before_larger_ones() -> None:
    payers = Payers()
    payers.report(of("1", "K1"), of("2", "K2"), paid("1", 90_00), paid("2", 45_00), refunded("9", 45_00))
    assert whose(payers)["9"] == "K2"


def test_a_part_of_the_only_payment_is_found_too() -> None:
    payers = Payers()
    payers.report(of("1", "K1"), of("2", "K2"), paid("1", 90_00), paid("2", 30_00), refunded("9", 45_00))
    assert whose(payers)["9"] == "K1"


def test_payments_of_two_customers_are_a_tie_that_a_person_decides() -> None:
    payers = Payers()
    payers.report(of("1", "K1"), of("2", "K2"), paid("1", 45_00), paid("2", 45_00), refunded("9", 45_00))
    (waits,) = payers.waiting
    assert waits.reason is WaitingReason.REFERENCE_AMBIGUOUS
    assert waits.detail == (
        "could be of payment 1 of customer K1 (45.00 USD, 2026-03-02), 2 of customer K2 (45.00 USD, 2026-03-02), "
        "by last four and amount"
    )
    payers.report(assign("9", "K2"))
    assert whose(payers)["9"] == "K2"


def assign(payment: str, customer: str) -> AssignCustomer:
    return AssignCustomer(
        command_id=f"assign-{payment}",
        abas_customer_id=customer,
        payment_token=f"payment:{payment}",
        paytrace_transaction_id=payment,
        decided_by="mweber",
        reason="customer called",
        occurred_at=at(20),
    )


def test_what_a_person_decides_of_one_refund_answers_for_the_other() -> None:
    payers = Payers()
    payers.report(of("1", "K1"), of("2", "K2"), paid("1", 45_00), paid("2", 45_00))
    payers.report(refunded("8", 45_00), refunded("9", 45_00), assign("8", "K1"))
    assert whose(payers) == {"1": "K1", "2": "K2", "8": "K1", "9": "K2"}


def test_what_went_back_already_is_not_found_again() -> None:
    payers = Payers()
    payers.report(of("1", "K1"), paid("1", 45_00), refunded("8", 45_00), refunded("9", 45_00))
    assert whose(payers) == {"1": "K1", "8": "K1"}
    payers.report(refunded("8", 45_00, movement=Movement.REFUND_VOIDED))
    assert whose(payers)["9"] == "K1", "the first came back, so there is money left for the second"


@pytest.mark.parametrize(
    "payment",
    [paid("1", 44_99), paid("1", 45_00, day=7), paid("1", 45_00, card=OTHER), paid("1", 45_00, card=None)],
    ids=["smaller", "later", "another card", "no card"],
)
def test_nothing_is_found_that_does_not_fit(payment: Any) -> None:
    payers = Payers()
    payers.report(of("1", "K1"), payment, refunded("9", 45_00))
    (waits,) = payers.waiting
    assert waits.reason is WaitingReason.NO_REFERENCE
    assert CARD in waits.detail


def test_the_same_records_again_change_nothing() -> None:
    payers = Payers()
    payers.report(*TWO_CARDS)
    before, said = dict(payers.book.states), len(payers.book.events)
    payers.report(*(out.record for out in list(payers.book.outputs) if out.topic == "identification.inbox.v1"))
    assert (payers.book.states, len(payers.book.events)) == (before, said)


def test_four_digits_are_never_remembered_for_a_customer() -> None:
    command = RememberReference(
        command_id="r1", token=CARD, abas_customer_id="K1", decided_by="mweber", reason="always", occurred_at=at(3)
    )
    (event,) = identification.decide(identification.INITIAL, command)
    assert isinstance(event, DecisionRefused)
    assert "four digits stand for no customer" in event.refused_because


# -- which payment of the customer -------------------------------------------------------------------------------------


def of_customer(movement: Movement, minor: int, payment: str, card: str | None, invoice: str | None) -> Any:
    return replace(identified(movement, minor, payment=payment, invoice=invoice, minute=2), card_token=card)


def linked(*records: PaymentIdentified) -> list[tuple[str, str]]:
    book = Ledger(receivables, key_by("abas_customer_id"))
    book.given(open_item("i1", 45_00, invoice="RE-1"), open_item("i2", 45_00, invoice="RE-2"))
    posted(book.given(*records))
    return [(one.paytrace_transaction_id, one.rule) for one in book.events if isinstance(one, RefundMatched)]


SALE, BACK = Movement.CAPTURED, Movement.REFUNDED


def test_of_two_payments_of_one_amount_the_one_of_the_card_is_refunded() -> None:
    sales = of_customer(SALE, 45_00, "1", CARD, "RE-1"), of_customer(SALE, 45_00, "2", OTHER, "RE-2")
    assert linked(*sales, of_customer(BACK, 45_00, "9", OTHER, None)) == [("2", "same-amount-and-card")]
    assert linked(*sales, of_customer(BACK, 20_00, "9", OTHER, None)) == [("2", "same-card")]
    assert linked(*sales, of_customer(BACK, 45_00, "9", None, None)) == []


def test_two_payments_of_one_card_and_amount_are_left_to_a_person() -> None:
    sales = of_customer(SALE, 45_00, "1", CARD, "RE-1"), of_customer(SALE, 45_00, "2", CARD, "RE-2")
    book = Ledger(receivables, key_by("abas_customer_id")).given(*sales, of_customer(BACK, 45_00, "9", CARD, None))
    (waits,) = (one for one in book.events if isinstance(one, EntryWaiting) and one.posting_reference == "PT9")
    assert waits.detail == "with 45.00 USD left of the same card: 1, 2"


def test_a_refund_to_another_card_than_paid_is_left_to_a_person_unless_it_names_the_invoice() -> None:
    sale = of_customer(SALE, 45_00, "1", CARD, "RE-1")
    assert linked(sale, of_customer(BACK, 45_00, "9", OTHER, None)) == []
    assert linked(sale, of_customer(BACK, 45_00, "9", OTHER, "RE-1")) == [("1", "same-invoice")]
