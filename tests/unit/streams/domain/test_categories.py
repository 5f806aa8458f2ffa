"""A mixed order: each document of a customer has a line for each product category where accounts depend on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import faults
from schemas.files.owned import text_of
from schemas.records.erp import PostDocument, Side
from schemas.records.identification import Movement, WaitingReason
from schemas.records.receivables import EntryWaiting
from streams.domain import receivables
from streams.domain.choices import CashDiscount, SmallRests
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.rules.mapping import account_mapping
from tests.support.builders import PAYMENT, Ledger, done, identified, key_by, open_item
from tests.support.policies import RECEIVABLES

SHIPPED = text_of(ACCOUNT_MAPPING.shipped)
BY_CATEGORY = SHIPPED.replace(
    '  clearing: [{account: "1361"}]\n',
    "  clearing:\n"
    '    - {account: "1361", cost_centre: "200", when: {product_category: service}}\n'
    '    - {account: "1361", cost_centre: "900", when: {product_category: UNKNOWN}}\n'
    '    - {account: "1361", cost_centre: "100"}\n',
)
MIXED = {"goods": (50_00, 9_50), "service": (34_03, 6_47)}  # 59.50 and 40.50 gross


class Customer(Ledger):
    """One customer, whose documents are read line by line."""

    def __init__(self, text: str = BY_CATEGORY, **choices: Any) -> None:
        mapping = account_mapping(text, "m.yaml")
        mapping = replace(mapping, policies=replace(mapping.policies, **choices))
        super().__init__(receivables, key_by("abas_customer_id"), replace(RECEIVABLES, mapping=mapping))
        self.answered = 0

    @property
    def documents(self) -> list[PostDocument]:
        return [out.record for out in self.outputs if isinstance(out.record, PostDocument)]

    def posted(self) -> Customer:
        while self.answered < len(self.documents):
            self.answered += 1
            self.when(done(self.documents[self.answered - 1]))
        return self

    def counters(self, number: int = -1) -> list[tuple[str | None, str | None, int]]:
        """Category, cost centre and amount of each line of the other side."""
        lines = self.documents[number].lines[1:]
        return [(line.product_category, line.cost_centre, line.amount_minor) for line in lines]


def invoice(amount: int = 100_00, sold: dict[str, tuple[int, int]] | None = None, **more: Any) -> Any:
    sold = MIXED if sold is None else sold
    return open_item(
        "i1",
        amount,
        category_names=tuple(sold),
        category_net_amounts=tuple(net for net, _ in sold.values()),
        category_tax_amounts=tuple(tax for _, tax in sold.values()),
        **more,
    )


def paid(amount: int, *, payment: str = PAYMENT, movement: Movement = Movement.CAPTURED, minute: int = 1) -> Any:
    return identified(movement, amount, payment=payment, invoice="RE-1", minute=minute)


def test_a_receipt_has_a_line_for_each_category() -> None:
    customer = Customer().given(invoice(), paid(100_00))
    (receipt,) = customer.documents
    assert receipt.lines[0].amount_minor == 100_00
    assert customer.counters() == [("goods", "100", 59_50), ("service", "200", 40_50)]


def test_where_no_account_depends_on_the_category_one_line_stays_one() -> None:
    customer = Customer(SHIPPED).given(invoice(), paid(100_00))
    assert customer.counters() == [(None, None, 100_00)]


def test_categories_on_one_account_stay_one_line() -> None:
    customer = Customer().given(invoice(sold={"goods": (60_00, 0), "books": (40_00, 0)}), paid(100_00))
    assert customer.counters() == [(None, "100", 100_00)]


def test_an_invoice_of_one_category_is_on_its_account() -> None:
    customer = Customer().given(invoice(sold={"service": (100_00, 0)}), paid(100_00))
    assert customer.counters() == [(None, "200", 100_00)]


def test_an_unknown_category_is_a_case_of_its_own() -> None:
    no_lines = Customer().given(open_item("i1", 100_00), paid(100_00))
    assert no_lines.counters() == [(None, "900", 100_00)]
    in_part = Customer().given(invoice(sold={"UNKNOWN": (10_00, 0), "service": (90_00, 0)}), paid(100_00))
    assert in_part.counters() == [("UNKNOWN", "900", 10_00), ("service", "200", 90_00)]


def test_a_category_without_an_account_lets_the_money_wait() -> None:
    text = BY_CATEGORY.replace('    - {account: "1361", cost_centre: "100"}\n', "")
    customer = Customer(text).given(invoice(), paid(100_00))
    assert customer.documents == []
    waits = [event for event in customer.events if isinstance(event, EntryWaiting)]
    assert waits[-1].reason is WaitingReason.ACCOUNT_UNMAPPED
    assert "product_category goods" in waits[-1].detail
    assert "account for role clearing" in waits[-1].detail


def test_parts_of_an_invoice_sum_to_it_by_category() -> None:
    customer = Customer().given(invoice())
    for number, amount in enumerate((33_33, 33_33, 33_34)):
        customer.given(identified(Movement.CAPTURED, amount, payment=f"4{number}", invoice="RE-1", minute=number + 1))
        customer.posted()
    sums: Counter[str | None] = Counter()
    for document in customer.documents:
        for line in document.lines[1:]:
            sums[line.product_category] += line.amount_minor
    assert sums == {"goods": 59_50, "service": 40_50}


def test_refunds_give_back_what_the_receipt_took() -> None:
    customer = Customer().given(invoice(), paid(100_00)).posted()
    for number, amount in enumerate((10_01, 20_02, 69_97)):
        customer.given(_refund(f"9{number}", amount, minute=10 + number)).posted()
    receipt, *reversals = customer.documents
    assert [one.kind for one in reversals] == ["cash_receipt_reversal"] * 3
    assert all(sum(line.amount_minor for line in one.lines[1:]) == one.lines[0].amount_minor for one in reversals)
    assert customer.counters(1) == [("goods", "100", 5_96), ("service", "200", 4_05)]
    back: Counter[str | None] = Counter()
    for one in reversals:
        back.update({line.product_category: line.amount_minor for line in one.lines[1:]})
    assert back == {line.product_category: line.amount_minor for line in receipt.lines[1:]}


def test_the_document_is_one_that_its_kind_allows() -> None:
    customer = Customer().given(invoice(), paid(100_00)).posted().given(_refund("91", 10_01, minute=9)).posted()
    assert [list(faults(one)) for one in customer.documents] == [[], []]
    receipt = customer.documents[0]
    turned = replace(receipt.lines[2], side=Side.CREDIT)
    assert list(faults(replace(receipt, lines=(*receipt.lines[:2], turned))))
    assert list(faults(replace(receipt, lines=(receipt.lines[0], *receipt.lines)))), "the customer's line stands once"


def test_a_write_off_and_a_discount_are_divided_too() -> None:
    text = BY_CATEGORY
    for role, account in (("write_off", "6930"), ("skonto", "4736")):
        centre = ', cost_centre: "100"' if role == "write_off" else ""
        text = text.replace(
            f'  {role}: [{{account: "{account}"{centre}}}]\n',
            f'  {role}: [{{account: "1", when: {{product_category: service}}}}, {{account: "2"}}]\n',
        )
    rest = SmallRests(Decimal(2), {"USD": 500})
    customer = Customer(text, write_off=rest).given(invoice(), paid(98_99)).posted()
    assert [(one.kind, one.lines[0].amount_minor) for one in customer.documents] == [
        ("cash_receipt", 98_99),
        ("write_off", 1_01),
    ]
    given_up = [(line.account, line.amount_minor) for line in customer.documents[1].lines[1:]]
    assert sum(minor for _, minor in given_up) == 1_01
    both = Counter(dict(given_up))
    received = [minor for *_, minor in customer.counters(0)]
    assert (both["2"] + received[0], both["1"] + received[1]) == (59_50, 40_50)
    terms: dict[str, Any] = {"invoiced_on": date(2026, 11, 20), "terms_bps": 200, "terms_days": 10}
    terms |= {"tax_codes": ("19",), "taxed_amounts": (100_00,), "tax_amounts": (15_97,)}
    customer = Customer(text, skonto=CashDiscount(0)).given(invoice(**terms), paid(98_00)).posted()
    discount = [(line.account, line.amount_minor) for line in customer.documents[-1].lines[1:]]
    assert discount == [("2", 1_00), ("1", 68), ("3806", 32)], "the net by category, the tax by its rate"


def _refund(refund: str, amount: int, *, minute: int) -> Any:
    return identified(Movement.REFUNDED, amount, payment=refund, invoice="RE-1", minute=minute)


def test_a_discount_below_zero_lowers_the_others_by_their_shares() -> None:
    sold = {"goods": (60_00, 0), "service": (50_00, 0), "UNKNOWN": (-10_00, 0)}
    customer = Customer().given(invoice(sold=sold), paid(100_00))
    assert customer.counters() == [("goods", "100", 54_55), ("service", "200", 45_45)]


def test_lines_that_are_off_by_a_cent_are_scaled_to_the_item() -> None:
    customer = Customer().given(invoice(sold={"goods": (60_01, 0), "service": (40_01, 0)}), paid(100_00))
    assert sum(minor for *_, minor in customer.counters()) == 100_00


def test_what_people_cleared_in_abas_took_its_shares_too() -> None:
    customer = Customer().given(invoice(50_00, amount_minor=100_00), paid(50_00))
    assert customer.counters() == [("goods", "100", 29_75), ("service", "200", 20_25)]


AMOUNTS = st.lists(st.integers(1, 10**6), min_size=1, max_size=5)


@given(AMOUNTS, st.sampled_from(["USD", "JPY", "KWD"]), st.integers(-3, 3), st.lists(st.integers(1, 99), max_size=4))
def test_every_document_balances_and_the_whole_is_the_invoice(
    sold: list[int], currency: str, off: int, percents: list[int]
) -> None:
    """Of any currency, of lines that are off by some units, of any number of refunds."""
    names = ("goods", "service", "UNKNOWN", "books", "tools")[: len(sold)]
    amount = max(1, sum(sold) + off)
    lines = {name: (minor, 0) for name, minor in zip(names, sold, strict=True)}
    customer = Customer().given(
        replace(invoice(amount, lines), currency=currency), replace(paid(amount), currency=currency)
    )
    customer.posted()
    left = amount
    for number, percent in enumerate(percents):
        minor = left * percent // 100
        if minor:
            left -= minor
            customer.given(replace(_refund(f"9{number}", minor, minute=10 + number), currency=currency)).posted()
    if left:
        customer.given(replace(_refund("99", left, minute=40), currency=currency)).posted()
    taken: Counter[str | None] = Counter()
    for document in customer.documents:
        own, *others = document.lines
        assert sum(line.amount_minor for line in others) == own.amount_minor
        assert all(line.amount_minor > 0 for line in others)
        for line in others:
            taken[line.cost_centre] += line.amount_minor if line.side is Side.DEBIT else -line.amount_minor
    assert not any(taken.values()), "what the receipt took of each account went back to it"
