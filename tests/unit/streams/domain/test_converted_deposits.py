"""Deposits that a processor converted: each currency by itself, and what the rates differ by is gain or loss."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.failures import Unreadable
from schemas.records.erp import PostDocument, Side
from schemas.records.identification import Movement
from schemas.records.ledger import DepositExplained, DepositReopened, JournalEntryMade, MoneyMoved
from schemas.records.payments import PaymentMethod
from schemas.records.settlement import DepositMatched, SettlementLineKind, SettlementLineRecorded
from schemas.values.exchange import parse_rate, value_in_base
from schemas.values.money import Money
from streams.domain import ledger, settlement
from tests.support.policies import DEPOSITS, LEDGER
from tests.support.settlement import Account, bank, reported, settled

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = date(2026, 3, 4)


class Books:
    """The ledger of a merchant account in a currency, in books of another, and the documents that it asks for."""

    def __init__(self, currency: str = "USD", base: str = "EUR") -> None:
        self.currency, self.base = currency, base
        self.policy = replace(LEDGER, policies=replace(LEDGER.policies, base_currency=base))
        self.state = ledger.INITIAL
        self.commands: list[PostDocument] = []
        self.entries: list[JournalEntryMade] = []

    @property
    def account(self) -> str:
        return f"main/{self.currency}"

    def hear(self, *records: Any) -> None:
        for record in records:
            for event in ledger.decide(self.state, record, self.policy):
                self.state = ledger.evolve(self.state, event)
                self.entries += [event] if isinstance(event, JournalEntryMade) else []
                self.commands += [out.record for out in ledger.route(self.state, event)]  # type: ignore[misc]

    def captured(self, minor: int, base_minor: int) -> MoneyMoved:
        number = len(self.entries)
        return MoneyMoved(
            settlement_account=self.account,
            movement_id=f"{number}:CAPTURED",
            paytrace_transaction_id=str(number),
            movement=Movement.CAPTURED,
            amount_minor=minor,
            currency=self.currency,
            base_minor=base_minor,
            base_currency=self.base,
            method=PaymentMethod.CARD,
            value_on=DAY,
            occurred_at=AT,
        )

    def fee(self, minor: int) -> SettlementLineRecorded:
        return SettlementLineRecorded(
            settlement_account=self.account,
            line_id=f"fee{len(self.entries)}",
            kind=SettlementLineKind.FEE,
            amount_minor=minor,
            currency=self.currency,
            moved_on=DAY,
            book_on=DAY,
            card_type="",
            text="",
            occurred_at=AT,
        )

    def paid_out(self, minor: int, bank_minor: int, *, rest: int = 0, into: str = "") -> DepositExplained:
        return DepositExplained(
            settlement_account=self.account,
            bank_line_id="b1",
            deposit_minor=minor,
            bank_minor=bank_minor,
            bank_currency=into or self.base,
            records_minor=minor + rest,
            fee_minor=0,
            tax_minor=0,
            rest_minor=rest,
            currency=self.currency,
            moved_on=DAY,
            occurred_at=AT,
        )

    def base_of(self, role: str) -> int:
        return sum(line.base_minor or 0 for entry in self.entries for line in entry.lines if line.role == role)


def signed(command: PostDocument) -> list[tuple[str, int, str, int]]:
    return [
        (line.role, sign * line.amount_minor, line.currency, sign * (line.base_minor or 0))
        for line in command.lines
        for sign in (1 if line.side is Side.DEBIT else -1,)
    ]


def test_clearing_closes_in_its_currency_the_bank_has_its_own_and_the_rest_is_a_loss() -> None:
    books = Books()
    books.hear(books.captured(1_000_00, 920_00), books.paid_out(1_000_00, 915_00))
    assert [(command.kind, signed(command)) for command in books.commands] == [
        (
            "deposit",
            [
                ("bank", 915_00, "EUR", 915_00),
                ("clearing", -1_000_00, "USD", -920_00),
                ("fx_position", 1_000_00, "USD", 920_00),
                ("fx_position", -915_00, "EUR", -915_00),
            ],
        ),
        ("conversion_difference", [("fx_position", 0, "USD", -5_00), ("fx_loss", 0, "USD", 5_00)]),
    ]
    assert books.state.balances["clearing/USD"] == books.base_of("clearing") == books.base_of("fx_position") == 0


def test_a_fee_takes_its_share_of_what_clearing_is_worth() -> None:
    books = Books()
    books.hear(books.captured(1_000_00, 920_00), books.fee(30_00), books.paid_out(970_00, 892_40))
    assert signed(books.commands[0]) == [("fees", 30_00, "USD", 27_60), ("clearing", -30_00, "USD", -27_60)]
    assert [command.kind for command in books.commands] == ["fee", "deposit"]  # 892.40 is just what is left


def test_a_match_that_is_taken_apart_takes_its_difference_back() -> None:
    books = Books()
    books.hear(books.captured(1_000_00, 920_00), books.paid_out(1_000_00, 925_00))
    assert books.base_of("fx_gain") == -5_00
    books.hear(
        DepositReopened(
            settlement_account="main/USD", bank_line_id="b1", currency="USD", occurred_at=AT + timedelta(hours=1)
        )
    )
    assert books.base_of("fx_gain") == books.base_of("bank") == 0
    assert (books.base_of("clearing"), books.state.clearing_worth) == (920_00, 920_00)


def test_a_rest_has_its_share_too() -> None:
    books = Books()
    books.hear(books.captured(1_000_00, 920_00), books.paid_out(990_00, 910_80, rest=10_00))
    assert ("unidentified", 10_00, "USD", 9_20) in signed(books.commands[0])
    assert books.base_of("fx_position") == 0


def test_a_currency_that_is_not_that_of_the_books_either_has_no_difference() -> None:
    books = Books()
    books.hear(books.captured(1_000_00, 920_00), books.paid_out(1_000_00, 880_00, into="CHF"))
    assert [command.kind for command in books.commands] == ["deposit"]
    assert all(line.base_minor is None for line in books.commands[0].lines)


_DECIMALS = st.sampled_from([("JPY", "EUR"), ("KWD", "RSD"), ("USD", "JPY"), ("RSD", "KWD"), ("KWD", "JPY")])


@settings(max_examples=80, deadline=None)
@given(
    _DECIMALS,
    st.lists(
        st.tuples(st.integers(1, 9_999_999), st.sampled_from(["0.0062", "1/1.0857", "936.29", "3.05"])), min_size=1
    ),
    st.integers(0, 999),
    st.integers(1, 99_999_999),
)
def test_every_currency_and_base_sum_to_zero_with_0_2_and_3_decimals(
    pair: tuple[str, str], paid: list[tuple[int, str]], fee: int, bank_minor: int
) -> None:
    books = Books(*pair)
    for minor, rate in paid:
        worth = value_in_base(Money(minor, books.currency), parse_rate(rate), books.base).minor
        books.hear(books.captured(minor, worth))
    whole = sum(minor for minor, _ in paid)
    fee = min(fee, whole - 1)
    books.hear(*([books.fee(fee)] if fee else []), books.paid_out(whole - fee, bank_minor))
    for entry in books.entries:
        assert all(line.base_minor is not None for line in entry.lines)
        assert sum(line.base_minor or 0 for line in entry.lines) == 0
        for currency in {line.currency for line in entry.lines}:
            assert sum(line.amount_minor for line in entry.lines if line.currency == currency) == 0
    assert books.state.balances[f"clearing/{books.currency}"] == 0
    assert books.base_of("clearing") == books.base_of("fx_position") == 0
    assert books.base_of("bank") == bank_minor


# -- what settlement takes ---------------------------------------------------------------------------------------------

ALLOWED = replace(DEPOSITS, paid_out_in={"main/USD": ("EUR",)})


def in_euro(minor: int, *, settled_minor: int | None = None, named: str | None = None) -> Any:
    return replace(bank("b1", minor, 1, deposit=named), currency="EUR", settled_minor=settled_minor)


def test_a_converted_line_pays_out_what_it_says_or_what_the_report_says() -> None:
    for line in (in_euro(91_50, settled_minor=100_00, named="D1"), in_euro(91_50, named="D1")):
        account = Account(policy=ALLOWED)
        account.report(settled("1", 100_00, 0), reported("D1", 0, net=100_00, gross=100_00), line)
        matched = account.of(DepositMatched)[0]
        [out] = settlement.route(account.state, matched)
        assert isinstance(out.record, DepositExplained)
        assert (out.record.deposit_minor, out.record.bank_minor, out.record.bank_currency) == (100_00, 91_50, "EUR")


@pytest.mark.parametrize(
    ("policy", "line", "why"),
    [
        (DEPOSITS, in_euro(91_50, settled_minor=100_00), r"paid_out_in: \{main/USD: \[EUR\]\}"),
        (ALLOWED, in_euro(91_50), "does not say what it pays out in USD"),
        (ALLOWED, replace(in_euro(91_50, settled_minor=100_00), fee_included_minor=5), "charges of the bank"),
    ],
)
def test_a_line_waits_that_may_not_be_converted_or_says_too_little(policy: Any, line: Any, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        Account(policy=policy).report(settled("1", 100_00, 0), line)


def test_the_journal_alone_gives_the_worth_of_clearing() -> None:
    books = Books()
    books.hear(books.captured(1_000_00, 920_00), books.fee(30_00))
    assert reduce(ledger.evolve, books.entries, ledger.INITIAL).clearing_worth == 892_40
