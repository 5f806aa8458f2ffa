"""A document whose period abas has closed: posted in the next open one, value day kept, or left to a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from schemas.records.identification import Movement, PaymentIdentified
from schemas.records.receivables import EntryWaiting, PostingRequested
from schemas.values.refusal_codes import PERIOD_CLOSED
from streams.domain import receivables
from streams.domain.choices import ClosedPeriod
from streams.domain.periods import next_period
from tests.support.builders import Ledger, done, identified, key_by, open_item, refused
from tests.support.policies import chosen
from tests.support.typed import as_a

CLOSED = f"{PERIOD_CLOSED}/2202"
TODAY = date(2026, 11, 20)  # the day of the builders


def ledger(choice: ClosedPeriod | None, value_on: date = date(2026, 9, 30)) -> Ledger:
    """A customer whose invoice was paid in a month that is over, and is seen today."""
    kinds = ("cash_receipt", "cash_receipt_reversal")
    policy = chosen(closed_period={} if choice is None else dict.fromkeys(kinds, choice))
    book = Ledger(receivables, key_by("abas_customer_id"), policy)
    return book.given(open_item("i1", 100_00), replace(paid(), value_on=value_on))


def paid(movement: Movement = Movement.CAPTURED) -> PaymentIdentified:
    return identified(movement, 100_00, minute=1)


def asked(book: Ledger) -> Any:
    return book.sent()[-1]


def days(book: Ledger) -> list[date | None]:
    return [one.posted_on for one in book.events if isinstance(one, PostingRequested)]


@pytest.mark.parametrize("choice", ["redate", "adjust"])
def test_the_first_day_of_the_next_month_is_tried_and_the_value_day_stays(choice: ClosedPeriod) -> None:
    book = ledger(choice)
    again = as_a(PostingRequested, book.when(refused(asked(book), CLOSED))[0])
    assert (again.posted_on, again.value_on) == (date(2026, 10, 1), date(2026, 9, 30))
    document = asked(book).document
    assert (document.posted_on, document.values["value_on"]) == (date(2026, 10, 1), "2026-09-30")
    assert document.lines == book.sent("cash_receipt")[0].document.lines


def test_months_are_tried_one_by_one_up_to_the_running_one_then_a_person_decides() -> None:
    book = ledger("redate")
    for _ in range(2):
        book.when(refused(asked(book), CLOSED))
    assert days(book) == [None, date(2026, 10, 1), date(2026, 11, 1)]
    waits = as_a(EntryWaiting, book.when(refused(asked(book), CLOSED))[0])
    assert "reopen the period" in waits.detail


@pytest.mark.parametrize(("choice", "code"), [("park", CLOSED), (None, CLOSED), ("redate", "OTHER/4102")])
def test_it_waits_where_the_mapping_says_so_and_of_another_refusal(choice: ClosedPeriod | None, code: str) -> None:
    book = ledger(choice)
    as_a(EntryWaiting, book.when(refused(asked(book), code))[0])
    assert days(book) == [None]


def test_a_reversal_is_redated_against_the_same_receipt() -> None:
    book = ledger("redate", TODAY)
    book.when(done(asked(book)))
    book.when(replace(paid(Movement.VOIDED), value_on=date(2026, 10, 31)))
    first = asked(book).document
    book.when(refused(asked(book), CLOSED))
    again = asked(book).document
    assert again == replace(first, posted_on=date(2026, 11, 1), occurred_at=again.occurred_at)


def test_no_document_is_dated_ahead() -> None:
    assert next_period(date(2026, 12, 31), date(2026, 12, 31)) is None
    assert next_period(date(2026, 12, 31), date(2027, 1, 1)) == date(2027, 1, 1)
    assert next_period(date(2028, 2, 29), date(2028, 3, 1)) == date(2028, 3, 1)
