"""Rests of paid invoices that a rule gives up: small ones, and discounts in time with the tax in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.erp import Side
from schemas.records.identification import Movement
from schemas.records.receivables import EntryWaiting, OpenItemRecorded, PostingRequested, ReverseWriteOff
from streams.domain import receivables
from streams.domain.accounts import Account, AccountRule, Accounts
from streams.domain.choices import CashDiscount, SmallRests
from streams.domain.receivables.by_rule import discount_shares
from tests.support.builders import CUSTOMER, PAYMENT, Asked, Ledger, at, identified, key_by, open_item, posted
from tests.support.policies import chosen
from tests.support.typed import as_a

RECEIPT = f"PT{PAYMENT}"
INVOICED = date(2026, 11, 2)
ONE_PERCENT = SmallRests(Decimal(1), {"USD": 50_00})


def ledger(*records: Any, write_off: SmallRests | None = ONE_PERCENT, grace: int | None = None) -> Ledger:
    skonto = None if grace is None else CashDiscount(grace)
    return Ledger(receivables, key_by("abas_customer_id"), chosen(write_off=write_off, skonto=skonto)).given(*records)


def invoice(amount: int = 11_900_00, *, rate: int = 19_00, **terms: Any) -> Any:
    """An invoice with 2 % in 10 days and 19 % tax."""
    tax = amount * rate // (100_00 + rate)
    taxed = {"tax_codes": ("19",), "taxed_amounts": (amount,), "tax_amounts": (tax,)}
    return open_item("i1", amount, invoiced_on=INVOICED, terms_bps=200, terms_days=10, **(taxed | terms))


def paid(amount: int, days: int = 0, invoice: str | None = "RE-1", payment: str = PAYMENT) -> Any:
    record = identified(Movement.CAPTURED, amount, payment=payment, invoice=invoice, minute=1)
    return replace(record, value_on=INVOICED + timedelta(days=days))


def documents(book: Ledger) -> list[tuple[str, int]]:
    return [(one.kind, one.amount_minor) for one in book.sent() if isinstance(one, Asked)]


def asked(book: Ledger, kind: str) -> list[PostingRequested]:
    return [one for one in book.events if isinstance(one, PostingRequested) and one.document_kind == kind]


def test_a_rest_within_the_limit_is_given_up_once_the_receipt_is_posted() -> None:
    book = ledger(open_item("i1", 1_000_00), paid(990_00))
    assert documents(book) == [("cash_receipt", 990_00)]
    assert documents(posted(book)) == [("cash_receipt", 990_00), ("write_off", 10_00)]
    (request,) = asked(book, "write_off")
    assert (request.rule, request.text) == ("small-rest", "1 % or 50.00 USD, the smaller")
    assert book.state.available == {}


@pytest.mark.parametrize(("amount", "pays"), [(1_000_00, 989_99), (9_000_00, 8_949_99), (1_000_00, 500_00)])
def test_a_rest_above_either_limit_waits(amount: int, pays: int) -> None:
    assert documents(ledger(open_item("i1", amount), paid(pays))) == []


def test_a_currency_without_a_limit_is_never_given_up() -> None:
    book = ledger(open_item("i1", 1_000_00), paid(990_00), write_off=SmallRests(Decimal(1), {"EUR": 50_00}))
    assert documents(book) == []


def test_without_the_choice_nothing_is_given_up() -> None:
    assert documents(ledger(open_item("i1", 1_000_00), paid(990_00), write_off=None)) == []


def test_too_much_is_never_given_up() -> None:
    assert documents(posted(ledger(open_item("i1", 1_000_00), paid(1_010_00)))) == []


@pytest.mark.parametrize("days", [0, 9, 10])
def test_a_discount_in_time_is_booked_with_its_tax_the_last_day_included(days: int) -> None:
    book = posted(ledger(invoice(), paid(11_662_00, days), grace=0, write_off=None))
    assert documents(book) == [("cash_receipt", 11_662_00), ("cash_discount", 238_00)]
    (request,) = asked(book, "cash_discount")
    assert (request.tax_minor, request.tax_code, request.rule) == (38_00, "19", "cash-discount")
    assert request.value_on == INVOICED + timedelta(days=days), "the day of the payment, whenever it was seen"


def lines(request: PostingRequested) -> dict[str, int]:
    """The lines of a document by role, debit positive."""
    return {line.role: line.amount_minor * (1 if line.side is Side.DEBIT else -1) for line in request.lines}


def test_the_tax_of_a_discount_has_a_line_of_its_own() -> None:
    book = posted(ledger(invoice(), paid(11_662_00, 9), grace=0, write_off=None))
    (request,) = asked(book, "cash_discount")
    assert lines(request) == {"receivable": -238_00, "skonto": 200_00, "output_tax": 38_00}
    assert [line.tax_code for line in request.lines] == [None, "19", "19"]
    assert book.state.available == {}
    posted(book.given(identified(Movement.RETURNED, 11_662_00, minute=9)))
    (back,) = asked(book, "cash_discount_reversal")
    assert lines(back) == {"receivable": 238_00, "skonto": -200_00, "output_tax": -38_00}


def test_an_invoice_free_of_tax_has_a_discount_without_that_line() -> None:
    book = posted(ledger(invoice(rate=0), paid(11_662_00, 9), grace=0, write_off=None))
    assert lines(*asked(book, "cash_discount")) == {"receivable": -238_00, "skonto": 238_00}


def test_the_tax_code_chooses_the_accounts() -> None:
    policy = chosen(write_off=None, skonto=CashDiscount(0))
    reduced = AccountRule(Account("3801"), {"tax_code": frozenset({"7"})}, None, date.min)
    rules = {**policy.mapping.accounts.rules, "output_tax": (reduced, *policy.mapping.accounts.rules["output_tax"])}
    policy = replace(policy, mapping=replace(policy.mapping, accounts=Accounts(rules)))
    rates: dict[str, Any] = {"tax_codes": ("7",), "taxed_amounts": (1_070_00,), "tax_amounts": (70_00,)}
    book = Ledger(receivables, key_by("abas_customer_id"), policy)
    posted(book.given(invoice(1_070_00, **rates), paid(1_048_60, 9)))
    (request,) = asked(book, "cash_discount")
    assert [(line.account, line.amount_minor) for line in request.lines if line.role == "output_tax"] == [("3801", 140)]


UNKNOWN_TAXES: list[dict[str, Any]] = [
    {"tax_codes": (), "taxed_amounts": (), "tax_amounts": ()},
    {"tax_codes": ("19",), "taxed_amounts": (5_950_00,), "tax_amounts": (950_00,)},  # the other half is not named
    {"tax_codes": ("19", "7"), "taxed_amounts": (12_900_00, -1_000_00), "tax_amounts": (1_900_00, -70_00)},
]


@pytest.mark.parametrize("taxes", UNKNOWN_TAXES)
def test_a_discount_of_unknown_tax_waits_for_a_person_and_says_so(taxes: dict[str, Any]) -> None:
    book = ledger(invoice(**taxes), paid(11_662_00, 9), grace=0, write_off=SmallRests(Decimal(5), {"USD": 500_00}))
    assert documents(book) == [], "nor is it given up as a small rest"
    (waits,) = (event for event in book.events if isinstance(event, EntryWaiting))
    assert "discount in time, but the tax of the invoice is not known" in waits.detail


@pytest.mark.parametrize("taxes", UNKNOWN_TAXES)
def test_a_discount_of_unknown_tax_is_by_choice_booked_without_and_says_so(taxes: dict[str, Any]) -> None:
    policy = chosen(write_off=None, skonto=CashDiscount(0, "without_tax"))
    book = Ledger(receivables, key_by("abas_customer_id"), policy).given(invoice(**taxes), paid(11_662_00, 9))
    (request,) = asked(posted(book), "cash_discount")
    assert lines(request) == {"receivable": -238_00, "skonto": 238_00}
    assert (request.text or "").endswith("booked without tax: the tax of the invoice is not known")


def test_what_rounding_leaves_of_a_discount_is_with_the_largest_rate() -> None:
    rates: dict[str, Any] = {"tax_codes": ("19", "7", "0"), "taxed_amounts": (33_35, 33_35, 33_30)}
    book = posted(ledger(invoice(100_00, tax_amounts=(5_32, 2_18, 0), **rates), paid(98_00, 9), grace=0))
    shares = [(one.amount_minor, one.tax_minor, one.tax_code) for one in asked(book, "cash_discount")]
    assert shares == [(68, 11, "19"), (66, 4, "7"), (66, 0, "0")]


def test_a_discount_in_another_currency_leaves_the_books_with_its_value() -> None:
    item = invoice(booked_base_minor=11_000_01, booked_base_currency="EUR")
    payment = replace(paid(11_662_00, 9), base_minor=10_780_01, base_currency="EUR")
    policy = chosen(write_off=None, skonto=CashDiscount(0), base_currency="EUR")
    book = posted(Ledger(receivables, key_by("abas_customer_id"), policy).given(item, payment))
    (request,) = asked(book, "cash_discount")
    assert [line.base_minor for line in request.lines] == [220_00, 184_87, 35_13]
    assert request.lines[0].base_minor == sum(line.base_minor or 0 for line in request.lines[1:])


def test_a_discount_taken_too_late_is_told_and_stays_open() -> None:
    book = ledger(invoice(), paid(11_662_00, 15), grace=0, write_off=None)
    assert documents(book) == []
    (waits,) = (event for event in book.events if isinstance(event, EntryWaiting))
    assert waits.detail.endswith("238.00 USD short: discount taken too late, on day 15 of 10")


def test_days_of_grace_are_given() -> None:
    assert documents(ledger(invoice(), paid(11_662_00, 13), grace=3)) == [("cash_receipt", 11_662_00)]
    assert documents(ledger(invoice(), paid(11_662_00, 14), grace=3)) == []


def test_another_shortage_is_no_discount() -> None:
    assert documents(ledger(invoice(), paid(11_600_00, 5), grace=0, write_off=None)) == []


def test_a_discount_on_two_tax_rates_is_two_documents() -> None:
    rates: dict[str, Any] = {
        "tax_codes": ("19", "7"),
        "taxed_amounts": (11_900_00, 1_070_00),
        "tax_amounts": (1_900_00, 70_00),
    }
    book = posted(ledger(invoice(12_970_00, **rates), paid(12_710_60, 5), grace=0))
    taxes = [(one.amount_minor, one.tax_minor, one.tax_code) for one in asked(book, "cash_discount")]
    assert taxes == [(238_00, 38_00, "19"), (21_40, 1_40, "7")]


@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(0, 30)), min_size=1, max_size=4), st.integers(1, 10**6))
def test_the_shares_of_a_discount_sum_to_it(rates: list[tuple[int, int]], minor: int) -> None:
    gross = tuple(amount for amount, _ in rates)
    taxes = tuple(amount * rate // (100 + rate) for amount, rate in rates)
    codes = tuple(str(number) for number in range(len(rates)))
    item = invoice(sum(gross), tax_codes=codes, taxed_amounts=gross, tax_amounts=taxes)
    shares = discount_shares(as_a(OpenItemRecorded, *receivables.decide(receivables.INITIAL, item, chosen())), minor)
    assert sum(share.amount_minor for share in shares) == minor
    assert all(0 <= share.tax_minor <= share.amount_minor for share in shares)


def test_what_a_rule_gave_up_is_owed_again_when_the_payment_goes_back() -> None:
    book = posted(ledger(open_item("i1", 1_000_00), paid(990_00)))
    posted(book.given(identified(Movement.RETURNED, 990_00, minute=9)))
    assert documents(book)[2:] == [("cash_receipt_reversal", 990_00), ("write_off_reversal", 10_00)]
    assert book.state.available == {"i1": 1_000_00}


def test_a_rest_that_a_refund_opened_is_owed() -> None:
    book = posted(ledger(open_item("i1", 1_000_00), paid(1_000_00)))
    posted(book.given(identified(Movement.REFUNDED, 5_00, payment="9", minute=9)))
    assert documents(book) == [("cash_receipt", 1_000_00), ("cash_receipt_reversal", 5_00)]


def test_what_a_person_wants_back_is_not_given_up_again() -> None:
    book = posted(ledger(open_item("i1", 1_000_00), paid(990_00)))
    command = ReverseWriteOff(
        command_id="1",
        abas_customer_id=CUSTOMER,
        posting_reference=f"{RECEIPT}W1",
        decided_by="mweber",
        reason="they pay it",
        occurred_at=at(20),
    )
    posted(book.given(command))
    assert documents(book)[2:] == [("write_off_reversal", 10_00)]
    posted(book.given(paid(10_00, payment="2")))
    assert documents(book)[3:] == [("cash_receipt", 10_00)]
