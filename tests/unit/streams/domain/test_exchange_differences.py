"""Exchange differences: booked value that leaves an item, what a payment gains or loses, and what takes that back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.identification import Movement, WaitingReason
from schemas.records.receivables import EntryWaiting, SplitEntry, UnmatchEntry
from streams.domain import receivables
from streams.domain.accounts import AccountMapping
from streams.domain.receivables.policy import Policy
from tests.support.builders import (
    CUSTOMER,
    PAYMENT,
    Asked,
    Ledger,
    at,
    identified,
    key_by,
    open_item,
    posted,
    refused,
)
from tests.support.policies import chosen

IN_EURO = chosen(base_currency="EUR")
ON_ACCOUNT = chosen(base_currency="EUR", unapplied="on_account")


def ledger(*records: Any, policy: Policy = IN_EURO) -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id"), policy).given(*records)


def item(amount: int = 100_00, booked: int | None = 92_00, **about: Any) -> Any:
    return open_item(open_minor=amount, booked_base_minor=booked, booked_base_currency="EUR", **about)


def paid(amount: int, base: int, payment: str = PAYMENT, movement: Movement = Movement.CAPTURED, **about: Any) -> Any:
    return replace(identified(movement, amount, payment=payment, **about), base_minor=base, base_currency="EUR")


def documents(book: Ledger) -> list[tuple[str, dict[str, int]]]:
    """Return each document's kind and its lines in base currency by role, a debit above zero."""
    return [
        (
            one.kind,
            {
                line.role: (line.base_minor or 0) * (1 if line.side.value == "DEBIT" else -1)
                for line in one.document.lines
            },
        )
        for one in book.sent()
        if isinstance(one, Asked)
    ]


def of_kind(book: Ledger, kind: str) -> list[dict[str, int]]:
    return [lines for name, lines in documents(book) if name == kind]


def receivable(book: Ledger) -> int:
    return sum(lines.get("receivable", 0) for _, lines in documents(book))


def test_a_payment_at_another_rate_is_a_loss_once_abas_holds_it() -> None:
    book = ledger(item())
    book.when(paid(100_00, 91_50))
    assert documents(book) == [("cash_receipt", {"receivable": -91_50, "clearing": 91_50})]
    posted(book)
    assert of_kind(book, "exchange_difference") == [{"receivable": -50, "fx_loss": 50}]
    [difference] = [one for one in book.sent() if one.kind == "exchange_difference"]
    assert (difference.amount_minor, difference.abas_open_item_id) == (0, "i1")
    assert receivable(book) == -92_00


def test_a_refused_payment_has_no_difference() -> None:
    book = ledger(item())
    book.when(paid(100_00, 91_50))
    book.when(refused(book.sent()[0]))
    assert of_kind(book, "exchange_difference") == []


def test_undoing_a_payment_takes_its_difference_back() -> None:
    book = posted(ledger(item(), paid(100_00, 91_50)))
    book.when(
        UnmatchEntry(
            command_id="c1",
            abas_customer_id=CUSTOMER,
            posting_reference=f"PT{PAYMENT}",
            decided_by="maria",
            authenticated_by="session",
            reason="wrong invoice",
            occurred_at=at(20),
        )
    )
    posted(book)
    assert of_kind(book, "cash_receipt_reversal") == [{"receivable": 91_50, "clearing": -91_50}]
    assert of_kind(book, "exchange_difference_reversal") == [{"receivable": 50, "fx_loss": -50}]


def test_a_void_takes_back_what_came_in_and_leaves_nothing() -> None:
    book = posted(ledger(item(), paid(100_00, 91_50)))
    book.when(paid(100_00, 91_50, movement=Movement.VOIDED, minute=9))
    posted(book)
    assert receivable(book) == 0
    assert len(of_kind(book, "exchange_difference_reversal")) == 1


def test_money_in_the_currency_of_the_books_has_no_value_of_its_own() -> None:
    book = ledger(open_item(currency="EUR"), policy=IN_EURO)
    book.when(replace(identified(Movement.CAPTURED, currency="EUR"), base_minor=100_00, base_currency="EUR"))
    posted(book)
    assert {line.base_minor for one in book.sent() for line in one.document.lines} == {None}


def test_an_item_that_abas_does_not_value_has_no_difference() -> None:
    book = posted(ledger(item(booked=None), paid(100_00, 91_50)))
    assert [kind for kind, _ in documents(book)] == ["cash_receipt"]


def test_foreign_money_waits_while_an_account_of_differences_is_unmapped() -> None:
    accounts = {role: rules for role, rules in IN_EURO.mapping.accounts.rules.items() if role != "fx_loss"}
    mapping: AccountMapping = replace(IN_EURO.mapping, accounts=replace(IN_EURO.mapping.accounts, rules=accounts))
    book = ledger(item(), policy=replace(IN_EURO, mapping=mapping))
    events = book.when(paid(100_00, 91_50))
    [waiting] = [one for one in events if isinstance(one, EntryWaiting)]
    assert waiting.reason is WaitingReason.ACCOUNT_UNMAPPED
    assert "fx_loss" in waiting.detail
    assert book.sent() == []


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.tuples(st.integers(1, 5_000), st.integers(1, 9_000)), min_size=1, max_size=5),
    booked=st.integers(1, 90_000),
)
def test_parts_that_clear_an_item_take_all_of_its_booked_value(parts: list[tuple[int, int]], booked: int) -> None:
    """Whatever each part is worth: receipts and differences together take exactly what abas booked."""
    whole = sum(minor for minor, _ in parts)
    book = ledger(item(whole, booked), policy=ON_ACCOUNT)
    for number, (minor, value) in enumerate(parts, 1):
        posted(book.given(paid(minor, value, payment=str(number), minute=number)))
    for entry in [one for one in book.state.waiting if one.is_receipt]:
        book.when(_by_hand(entry.posting_reference, entry.amount_minor))
        posted(book)
    assert receivable(book) == -booked


def _by_hand(reference: str, minor: int) -> Any:
    return SplitEntry(
        command_id=f"split {reference}",
        abas_customer_id=CUSTOMER,
        posting_reference=reference,
        abas_open_item_ids=("i1",),
        part_amounts=(minor,),
        currency="USD",
        decided_by="maria",
        authenticated_by="session",
        reason="part payment",
        occurred_at=at(30),
    )
