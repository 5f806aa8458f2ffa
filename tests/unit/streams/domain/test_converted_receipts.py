"""Money in another currency than the invoice that it pays: it clears what it is worth, and only what it is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.identification import Movement, WaitingReason
from schemas.records.payments import PaymentMethod
from schemas.records.receivables import EntryWaiting, SplitEntry, UnmatchEntry
from streams.domain import receivables
from streams.domain.receivables.matching import on_item
from tests.support.builders import CUSTOMER, PAYMENT, Asked, Ledger, at, identified, key_by, open_item, posted
from tests.support.policies import chosen

IN_EURO = chosen(base_currency="EUR")


def ledger(*records: Any) -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id"), IN_EURO).given(*records)


def paid(amount: int, base: int, movement: Movement = Movement.CAPTURED, **about: Any) -> Any:
    return replace(identified(movement, amount, **about), base_minor=base, base_currency="EUR")


def euro_item(open_minor: int = 92_00, **about: Any) -> Any:
    return open_item(open_minor=open_minor, currency="EUR", **about)


def documents(book: Ledger) -> list[tuple[str, list[tuple[str, int, str, int | None]]]]:
    """Each document's kind and lines: role, amount, currency and base value, a debit above zero."""
    return [
        (
            one.kind,
            [
                (line.role, sign * line.amount_minor, line.currency, sign * (line.base_minor or 0))
                for line in one.document.lines
                for sign in (1 if line.side.value == "DEBIT" else -1,)
            ],
        )
        for one in book.sent()
        if isinstance(one, Asked)
    ]


def sums(book: Ledger, role: str) -> tuple[int, int]:
    lines = [line for _, found in documents(book) for line in found if line[0] == role]
    return sum(line[1] for line in lines), sum(line[3] or 0 for line in lines)


def unmatch(minute: int) -> UnmatchEntry:
    return UnmatchEntry(
        command_id="c1",
        abas_customer_id=CUSTOMER,
        posting_reference=f"PT{PAYMENT}",
        decided_by="maria",
        authenticated_by="session",
        reason="wrong invoice",
        occurred_at=at(minute),
    )


def test_a_payment_that_is_worth_its_invoice_pays_it_in_two_legs() -> None:
    book = ledger(euro_item())
    book.when(paid(100_00, 92_00))
    assert documents(book) == [
        (
            "converted_receipt",
            [
                ("receivable", -92_00, "EUR", -92_00),
                ("clearing", 100_00, "USD", 92_00),
                ("fx_position", -100_00, "USD", -92_00),
                ("fx_position", 92_00, "EUR", 92_00),
            ],
        )
    ]
    posted(book)
    assert [kind for kind, _ in documents(book)] == ["converted_receipt"]
    assert book.state.available == {}


def test_what_the_rounding_leaves_is_an_exchange_difference_on_the_position() -> None:
    book = Ledger(receivables, key_by("abas_customer_id"), chosen(base_currency="JPY"))
    book.given(open_item(open_minor=16345, currency="JPY"))
    book.when(replace(identified(Movement.CAPTURED, 1746), base_minor=16348, base_currency="JPY"))
    posted(book)
    kind, lines = documents(book)[1]
    assert (kind, lines) == ("exchange_difference", [("fx_position", 0, "USD", 3), ("fx_gain", 0, "USD", -3)])
    assert sums(book, "fx_position")[1] == 0


@pytest.mark.parametrize("back", ["returned", "unmatched"])
def test_undoing_it_opens_all_of_the_invoice_again(back: str) -> None:
    book = posted(ledger(euro_item(), paid(100_00, 92_00)))
    if back == "returned":
        book.when(paid(100_00, 92_00, movement=Movement.RETURNED, minute=9))
    else:
        book.when(unmatch(9))
    posted(book)
    assert sums(book, "receivable") == (0, 0)
    assert sums(book, "fx_position")[1] == 0
    reversal = next(lines for kind, lines in documents(book) if kind == "converted_receipt_reversal")
    assert reversal[0] == ("receivable", 92_00, "EUR", 92_00)


def test_a_part_that_goes_back_opens_its_share() -> None:
    book = posted(ledger(euro_item(92_00), paid(100_00, 92_00)))
    book.when(paid(33_33, 30_66, movement=Movement.AMOUNT_DECREASED, minute=9))
    posted(book)
    assert sums(book, "receivable") == (-61_34, -61_34)


def test_a_bank_transfer_has_the_bank_where_a_card_has_clearing() -> None:
    book = ledger(euro_item())
    book.when(replace(paid(100_00, 92_00), method=PaymentMethod.BANK_TRANSFER))
    assert documents(book)[0][1][1] == ("bank", 100_00, "USD", 92_00)


def test_what_is_worth_less_or_more_waits_and_a_person_may_apply_its_worth() -> None:
    book = ledger(euro_item(150_00))
    book.when(paid(100_00, 92_00))
    assert documents(book) == []
    waits = [event for event in book.events if isinstance(event, EntryWaiting)]
    assert waits[-1].reason is WaitingReason.CURRENCY_DIFFERS
    book.when(
        SplitEntry(
            command_id="c2",
            abas_customer_id=CUSTOMER,
            posting_reference=f"PT{PAYMENT}",
            decided_by="maria",
            authenticated_by="session",
            reason="a part of it",
            abas_open_item_ids=("i1",),
            part_amounts=(100_00,),
            currency="USD",
            occurred_at=at(12),
        )
    )
    assert documents(book)[0][1][0] == ("receivable", -92_00, "EUR", -92_00)
    assert book.state.available == {"i1": 58_00}


@given(st.integers(1, 10_000_00), st.integers(1, 10_000_00), st.integers(0, 10_000_00))
def test_money_clears_its_worth_or_what_is_within_the_rounding_of_it(minor: int, value: int, left: int) -> None:
    cleared = on_item(minor, value, left)
    assert cleared in (value, left)
    assert 2 * minor * abs(cleared - value) <= value + minor
