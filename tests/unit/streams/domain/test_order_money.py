"""Money of shops' orders on a customer's account: a prepayment until the invoice of the order is there."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from schemas.records.identification import Movement
from schemas.records.orders import OrderMoneyNamed, OrderMoneyReported
from streams.domain import receivables
from tests.support.builders import CUSTOMER, PAYMENT, Ledger, documents, identified, key_by, open_item, posted
from tests.support.examples import example

NAMED: OrderMoneyNamed = replace(
    example("OrderMoneyNamed"), abas_customer_id=CUSTOMER, paytrace_transaction_id=PAYMENT, order_number=None
)
INVOICED = replace(NAMED, order_number="AU-30001")
PAID = identified(Movement.CAPTURED, 125_00, invoice="W1203")
INVOICE = open_item("i7", 125_00, invoice="RE-7", order_number="AU-30001")
OTHER = open_item("i1", 125_00, invoice="RE-1")


def ledger() -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id"))


def test_it_goes_on_account_and_the_order_hears_of_the_document() -> None:
    book = posted(ledger().given(NAMED, OTHER, PAID, NAMED))
    assert documents(book) == [("on_account_receipt", None, 125_00)]
    [heard] = book.sent(OrderMoneyReported)
    assert (heard.shop_order, heard.amount_minor, heard.invoice_number) == ("main/1203", 125_00, None)


def test_a_prepayment_moves_to_the_invoice_of_its_order_alone() -> None:
    book = posted(posted(ledger().given(OTHER, NAMED, PAID)).given(INVOICED, INVOICE))
    assert documents(book) == [("on_account_receipt", None, 125_00), ("on_account_application", "i7", 125_00)]
    assert [one.invoice_number for one in book.sent(OrderMoneyReported)] == [None, "RE-7"]


@pytest.mark.parametrize("records", list(permutations([PAID, INVOICED, INVOICE, OTHER])))
def test_in_any_order_the_invoice_of_the_order_is_paid_once(records: tuple[Any, ...]) -> None:
    book = posted(ledger().given(*records, *records))
    paid, other = 0, 0
    for kind, item, minor in documents(book):
        sign = -1 if kind.endswith("_reversal") else 1
        paid += sign * minor if item == "i7" else 0
        other += sign * minor if item == "i1" else 0
    assert (paid, other) == (125_00, 0)


def test_of_a_partial_invoice_the_rest_stays_on_account() -> None:
    part = open_item("i7", 50_00, invoice="RE-7", order_number="AU-30001")
    book = posted(ledger().given(part, INVOICED, PAID))
    assert documents(book) == [("cash_receipt", "i7", 50_00), ("on_account_receipt", None, 75_00)]


def test_a_refund_of_an_order_on_account_takes_the_prepayment_back() -> None:
    book = posted(ledger().given(NAMED, PAID, identified(Movement.VOIDED, 125_00, invoice="W1203")))
    assert [minor for _, _, minor in documents(book)] == [125_00, 125_00]
    assert documents(book)[-1][0] == "on_account_receipt_reversal"
