"""What disputes take and fees cost is booked by what the payment paid for; what takes a document back follows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents import faults
from schemas.records.disputes import DisputeMovement
from schemas.records.erp import PostDocument, Side
from schemas.records.ledger import DocumentBooked
from schemas.records.settlement import SettlementLineKind
from streams.domain.accounts import AccountMapping, Accounts
from streams.domain.ledger.books import SOLD_DAYS
from tests.support.policies import LEDGER
from tests.unit.streams.domain.test_ledger import (
    Ledger,
    deposit,
    disputed,
    line,
    outcome,
    receipt,
    reopened,
    rule,
    signed,
)

TAKEN, BACK = DisputeMovement.CHARGED_BACK, DisputeMovement.CHARGEBACK_REVERSED
PAYMENT = "395970002"  # that of `disputed`


def by_category(**accounts: Mapping[str, str]) -> AccountMapping:
    """Return a mapping in which these roles have an account for each of some categories, and 9999 for all else."""
    rules = dict(LEDGER.accounts.rules)
    for role, of_category in accounts.items():
        own = [rule(number, {"product_category": frozenset({name})}) for name, number in of_category.items()]
        rules[role] = (*own, rule("9999"))
    return replace(LEDGER, accounts=Accounts(rules))


def sold(minor: int, kind: str = "cash_receipt", /, *, days: int = 0, **shares: int) -> DocumentBooked:
    """Return a receipt of these categories, or what takes all or a part of the receipt of them back, days later."""
    name = f"PT{PAYMENT}-{'-'.join(shares)}"
    is_back = kind != "cash_receipt"
    booked = receipt(PAYMENT, minor, kind, Side.DEBIT if is_back else Side.CREDIT)
    return replace(
        booked,
        posting_reference=f"{name}-{kind}-{minor}" if is_back else name,
        reverses_reference=name if is_back else None,
        category_names=tuple(shares),
        category_amounts=tuple(shares.values()),
        occurred_at=booked.occurred_at + timedelta(days=days),
    )


def parts(command: PostDocument, role: str) -> dict[tuple[str, str | None], int]:
    assert list(faults(command)) == []
    return {
        (one.account, one.product_category): one.amount_minor if one.side is Side.DEBIT else -one.amount_minor
        for one in command.lines
        if one.role == role
    }


SPLIT = by_category(chargeback_receivable={"goods": "1471", "service": "1472"})


@pytest.mark.parametrize(
    ("paid", "taken", "goods", "service"),
    [
        ({"goods": 75_00, "service": 25_00}, 100_00, 75_00, 25_00),
        ({"goods": 75_00, "service": 25_00}, 10_01, 7_51, 2_50),  # the rest cent to the largest
        ({"goods": 1, "service": 2}, 100, 33, 67),
        ({"goods": 33_33, "service": 66_67}, 1, 0, 1),
    ],
)
def test_a_chargeback_is_split_as_its_payment_was_and_the_rest_cent_goes_to_the_largest(
    paid: dict[str, int], taken: int, goods: int, service: int
) -> None:
    ledger = Ledger(SPLIT)
    ledger.hears(sold(sum(paid.values()), **paid), disputed("CB1", TAKEN, taken))
    (command,) = ledger.commands
    whole = {("1471", "goods"): goods, ("1472", "service"): service}
    found = parts(command, "chargeback_receivable")
    if goods and service:
        assert found == whole
    else:  # one category is left, so the line is not divided
        assert found == {("1472", None): service}
    assert signed(command)["clearing"] == -taken


def test_what_comes_back_is_on_the_accounts_that_the_chargeback_was_on_whatever_the_mapping_says_by_now() -> None:
    ledger = Ledger(SPLIT)
    ledger.hears(sold(100_00, goods=60_00, service=40_00), disputed("CB1", TAKEN, 80_00))
    ledger.hears(outcome(ledger.commands[0]))
    ledger.policy = replace(by_category(chargeback_receivable={"goods": "1500"}, clearing={"goods": "1600"}), version=2)
    ledger.hears(disputed("CB1", BACK, 30_03))
    back = ledger.commands[1]
    assert parts(back, "chargeback_receivable") == {("1471", "goods"): -18_02, ("1472", "service"): -12_01}
    assert parts(back, "clearing") == {("1361", None): 30_03}
    # A new debit is a new fact: it follows the mapping of now.
    ledger.hears(outcome(back), disputed("CB1", TAKEN, 30_03, 2))
    assert set(parts(ledger.commands[2], "chargeback_receivable")) == {("1500", "goods"), ("9999", "service")}


def test_a_payment_that_was_matched_again_counts_by_what_it_pays_now() -> None:
    ledger = Ledger(SPLIT)
    ledger.hears(
        sold(50_00, goods=50_00),
        sold(50_00, "cash_receipt_reversal", goods=50_00),
        sold(50_00, service=50_00),
        disputed("CB1", TAKEN, 50_00),
    )
    assert parts(ledger.commands[0], "chargeback_receivable") == {("1472", None): 50_00}


def test_parts_of_a_payment_for_several_invoices_add_up() -> None:
    ledger = Ledger(SPLIT)
    ledger.hears(sold(30_00, goods=30_00), sold(10_00, service=10_00), disputed("CB1", TAKEN, 20_00))
    assert parts(ledger.commands[0], "chargeback_receivable") == {
        ("1471", "goods"): 15_00,
        ("1472", "service"): 5_00,
    }


def test_a_document_of_an_earlier_day_counts_beside_one_of_a_later_day() -> None:
    ledger = Ledger(SPLIT)
    ledger.hears(sold(30_00, goods=30_00, days=3), sold(10_00, service=10_00), disputed("CB1", TAKEN, 20_00))
    assert parts(ledger.commands[0], "chargeback_receivable") == {
        ("1471", "goods"): 15_00,
        ("1472", "service"): 5_00,
    }


def test_a_payment_is_known_for_half_a_year_after_its_latest_document() -> None:
    ledger = Ledger(SPLIT)
    other = replace(sold(1_00, goods=1_00), paytrace_transaction_id="1")
    ledger.hears(sold(30_00, goods=30_00), sold(10_00, service=10_00, days=SOLD_DAYS - 1), other)
    late = replace(other, posting_reference="PT1-late", occurred_at=other.occurred_at + timedelta(days=SOLD_DAYS + 1))
    ledger.hears(late, disputed("CB1", TAKEN, 20_00))
    assert parts(ledger.commands[0], "chargeback_receivable") == {
        ("1471", "goods"): 15_00,
        ("1472", "service"): 5_00,
    }


DOCUMENTS = (
    sold(60_00, goods=40_00, service=20_00, days=0),
    sold(60_00, "cash_receipt_reversal", goods=40_00, service=20_00, days=9),
    sold(50_00, goods=50_00, days=9),
    sold(15_01, "cash_receipt_chargeback", goods=15_01, days=40),
    sold(10_00, service=10_00, days=30),
    sold(10_00, "cash_receipt_reversal", service=10_00, days=31),
)


@given(st.permutations(DOCUMENTS), st.integers(0, len(DOCUMENTS)))
@settings(max_examples=20, deadline=None)
def test_in_whatever_order_its_documents_come_a_payment_paid_for_the_same(
    documents: list[DocumentBooked], repeated: int
) -> None:
    in_order, as_it_came = Ledger(SPLIT), Ledger(SPLIT)
    in_order.hears(*DOCUMENTS)
    as_it_came.hears(*documents, *documents[:repeated])
    assert as_it_came.state.sold_of(PAYMENT) == in_order.state.sold_of(PAYMENT) == (("goods", 50_00),)
    assert as_it_came.balances == in_order.balances


def test_a_payment_whose_categories_nobody_named_is_unknown() -> None:
    ledger = Ledger(SPLIT)
    ledger.hears(receipt(PAYMENT, 50_00), disputed("CB1", TAKEN, 20_00))
    assert parts(ledger.commands[0], "chargeback_receivable") == {("9999", None): 20_00}


@pytest.mark.parametrize(
    ("kind", "role"),
    [(SettlementLineKind.FEE, "fees"), (SettlementLineKind.CHARGEBACK_FEE, "chargeback_fees")],
)
def test_the_fee_of_a_payment_is_split_and_one_of_no_payment_is_not(kind: SettlementLineKind, role: str) -> None:
    ledger = Ledger(by_category(**{role: {"goods": "6001", "service": "6002"}}))
    ledger.hears(sold(100_00, goods=90_00, service=10_00))
    ledger.hears(replace(line("f1", kind, 3_05), paytrace_transaction_id=PAYMENT), line("f2", kind, 1_00))
    of_payment, of_none = ledger.commands
    assert parts(of_payment, role) == {("6001", "goods"): 2_75, ("6002", "service"): 30}
    assert parts(of_none, role) == {("9999", None): 1_00}


@pytest.mark.parametrize("minor", [96_80, 12, 1_000_000_01])
def test_a_deposit_is_taken_back_in_the_company_and_on_the_accounts_of_its_posting(minor: int) -> None:
    at = replace(LEDGER, companies={"main": "at"})
    ledger = Ledger(at)
    ledger.hears(deposit("b1", minor, fee=3_20, rest=20))
    ledger.hears(*map(outcome, ledger.commands))
    elsewhere = {name: tuple(rule("4711") for _ in rules) for name, rules in LEDGER.accounts.rules.items()}
    ledger.policy = replace(LEDGER, version=2, companies={"main": "de"}, accounts=Accounts(elsewhere))
    ledger.hears(reopened("b1", hour=1))
    asked, back = ledger.commands[:2], ledger.commands[2:]
    assert {one.subject for one in ledger.commands} == {"at/1361"}
    for first, second in zip(asked, back, strict=True):
        turned = {Side.DEBIT: Side.CREDIT, Side.CREDIT: Side.DEBIT}
        lines = sorted((one.role, one.account, one.side, one.amount_minor) for one in first.lines)
        assert sorted((one.role, one.account, turned[one.side], one.amount_minor) for one in second.lines) == lines
    # What is matched anew is booked by the mapping of now.
    ledger.hears(deposit("b1", minor, fee=3_20, rest=20, hour=2))
    assert {one.subject for one in ledger.commands[4:]} == {"de/4711"}


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 10_000_00), min_size=1),
    st.lists(st.integers(1, 5_000_00), min_size=1, max_size=5),
)
@settings(max_examples=20, deadline=None)
def test_whatever_is_taken_and_given_back_each_document_balances_and_accounts_end_at_what_is_left(
    paid: dict[str, int], amounts: list[int]
) -> None:
    ledger = Ledger(by_category(chargeback_receivable={name: f"147{name}" for name in "abc"}))
    ledger.hears(sold(sum(paid.values()), **paid))
    for number, minor in enumerate(amounts):
        for movement in (TAKEN, BACK):
            fact = disputed(f"CB{number}", movement, minor)
            ledger.hears(replace(fact, occurred_at=fact.occurred_at + timedelta(minutes=number)))
            command = ledger.commands[-1]
            assert list(faults(command)) == []
            ledger.hears(outcome(command))
    assert (
        sum(signed_minor for one in ledger.commands for signed_minor in parts(one, "chargeback_receivable").values())
        == 0
    )
    left: dict[tuple[str, str | None], int] = {}
    for one in ledger.commands:
        for name, minor in parts(one, "chargeback_receivable").items():
            left[name] = left.get(name, 0) + minor
    assert not any(left.values())
