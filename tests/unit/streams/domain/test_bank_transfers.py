"""Customers who pay into the bank account: which lines are theirs, what the bank took back, and who may say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.ledger import DepositExplained
from schemas.records.payments import PaymentMethod, TransactionKind, TransactionObserved, TransactionStatus
from schemas.records.settlement import (
    BankTransferRecorded,
    DepositBreakFound,
    DepositMatched,
    SettlementRequestRefused,
    TakeBankTransfer,
)
from streams.domain import settlement
from streams.domain.settlement.books import transfer_id
from streams.rules.catalogue import deposit_policy
from tests.support.policies import DEPOSITS
from tests.support.settlement import ACCOUNT, Account, bank, batch, noon, reported, settled, statement, unmatch

RULES = """
version: 7
sure_one_in: 1000
rest: wait
rest_percent: 5
customers_pay:
  accounts: {giro: named, lockbox: all}
  invoices: [{find: 'RE[- ]?(\\d{3})(?!\\d)', write: 'RE-\\1'}]
  orders: [{find: 'SO-\\d+'}]
  customers: [{find: 'CUST (\\w+)', write: '\\1'}]
"""
POLICY = deposit_policy(RULES)


def paid(line: str, amount_minor: int, on: int, text: str, *references: str, into: str = "giro", **more: Any) -> Any:
    """A bank line with words of the payer."""
    return replace(bank(line, amount_minor, on, **more), bank_account=into, text=text, references=references)


@pytest.fixture
def account() -> Account:
    return Account(policy=POLICY)


def observations(account: Account) -> list[TransactionObserved]:
    sent = [out.record for event in account.events for out in settlement.route(account.state, event)]
    return [one for one in sent if isinstance(one, TransactionObserved)]


def take(line: str, invoice: str | None = None, minute: int = 0, *, returns: str | None = None) -> TakeBankTransfer:
    asked = unmatch(line, minute)
    return TakeBankTransfer(
        settlement_account=ACCOUNT,
        bank_line_id=line,
        invoice_number=invoice,
        returns_line_id=returns,
        requested_by="maria",
        reason="the advice came by mail",
        requested_at=asked.requested_at,
    )


def test_a_line_that_names_an_invoice_is_a_payment_and_no_deposit(account: Account) -> None:
    account.report(paid("b1", 125_00, 1, "ACME re 451 thanks"), statement(1))
    event = account.of(BankTransferRecorded)[0]
    assert (event.invoice_number, event.rule, event.amount_minor) == ("RE-451", "bank-transfer-named", 125_00)
    assert account.state.deposits == {}
    seen = observations(account)[0]
    assert (seen.paytrace_transaction_id, seen.method) == (transfer_id("b1"), PaymentMethod.BANK_TRANSFER)
    assert (seen.status, seen.invoice_number, seen.amount_minor) == (TransactionStatus.BANK_BOOKED, "RE-451", 125_00)


def test_the_same_line_again_changes_nothing(account: Account) -> None:
    line = paid("b1", 125_00, 1, "RE-451")
    assert account.report(line)
    assert account.report(line, replace(line, observed_at=noon(9), statement="t#9"), replace(line, text="")) == []


@pytest.mark.parametrize(
    ("text", "references", "named"),
    [
        ("RE-451, RE-452", (), ("RE-451, RE-452", None, None)),
        ("invoices RE-451-453", (), ("RE-451, RE-452, RE-453", None, None)),
        ("thank you", ("RE 451",), ("RE-451", None, None)),
        ("for so-77", (), (None, "SO-77", None)),
        ("CUST acme pays", (), (None, None, "ACME")),
    ],
)
def test_what_a_line_names(
    account: Account, text: str, references: tuple[str, ...], named: tuple[str | None, ...]
) -> None:
    account.report(paid("b1", 125_00, 1, text, *references))
    event = account.of(BankTransferRecorded)[0]
    assert (event.invoice_number, event.customer_reference, event.vault_customer_id) == named


def test_where_no_customers_pay_a_line_is_a_deposit(account: Account) -> None:
    account.report(paid("b1", 125_00, 1, "RE-451", into="deposits"), paid("b2", 125_00, 1, "RE-451", into=""))
    assert not account.of(BankTransferRecorded)
    assert sorted(account.state.deposits) == ["b1", "b2"]


def test_what_names_its_batch_or_deposit_is_a_deposit(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0), reported("PAYOUT9", 0, net=70_00))
    account.report(paid("b1", 100_00, 1, "RE-451", batch=17), paid("b2", 70_00, 1, "PAYOUT9 RE-451"))
    assert not account.of(BankTransferRecorded)
    assert account.of(DepositMatched)[0].bank_line_id == "b1"


def test_an_unknown_payer_waits_or_is_a_payment_by_the_account(account: Account) -> None:
    account.report(paid("b1", 80_00, 1, "hello"), paid("b2", 90_00, 1, "hello", into="lockbox"))
    assert account.of(DepositBreakFound)[0].bank_line_id == "b1"
    event = account.of(BankTransferRecorded)[0]
    assert (event.bank_line_id, event.rule, event.invoice_number) == ("b2", "bank-transfer-account", None)


def test_a_line_of_a_reported_deposits_amount_is_no_payment_by_the_account(account: Account) -> None:
    account.report(reported("D9", 0, net=70_00, gross=70_00), settled("1", 70_00, 0))
    account.report(paid("b1", 70_00, 1, "hello", into="lockbox"))
    assert not account.of(BankTransferRecorded)
    assert account.of(DepositMatched)[0].rule == "deposit-by-reported-net"


@pytest.mark.parametrize("words", [("RETURN RE-451",), ("RETURN", "E2E-4711")])
def test_a_debit_that_names_the_same_takes_the_payment_back(account: Account, words: tuple[str, ...]) -> None:
    account.report(paid("b1", 125_00, 1, "RE-451", "E2E-4711"), paid("b2", -125_00, 4, *words))
    back = account.of(BankTransferRecorded)[1]
    assert (back.returns_line_id, back.paytrace_transaction_id) == ("b1", transfer_id("b1"))
    seen = observations(account)[1]
    assert (seen.status, seen.amount_minor) == (TransactionStatus.BANK_RETURNED, 125_00)
    assert seen.returned_on == back.booked_on
    assert account.report(paid("b2", -125_00, 4, *words)) == []


def test_a_return_that_is_imported_first_counts_when_its_payment_comes(account: Account) -> None:
    account.report(paid("b2", -125_00, 4, "RETURN RE-451"))
    assert sorted(account.state.deposits) == ["b2"]
    account.report(paid("b1", 125_00, 1, "RE-451"))
    assert [event.bank_line_id for event in account.of(BankTransferRecorded)] == ["b1", "b2"]
    assert account.state.deposits == {}


def test_a_return_that_may_be_of_two_payments_or_is_more_than_one_waits(account: Account) -> None:
    account.report(paid("b1", 125_00, 1, "RE-451"), paid("b2", 125_00, 1, "RE-451"), paid("b6", 9_00, 1, "RE-452"))
    account.report(paid("b3", -125_00, 4, "RETURN RE-451"), paid("b4", -25_00, 4, "RETURN RE-451"))
    account.report(paid("b7", -9_01, 4, "RETURN RE-452"))
    assert sorted(account.state.deposits) == ["b3", "b4", "b7"]


def test_a_debit_that_names_another_customer_takes_nothing_back(account: Account) -> None:
    account.report(paid("b1", 80_00, 1, "CUST acme pays"), paid("b2", -80_00, 4, "RETURN CUST other"))
    assert sorted(account.state.deposits) == ["b2"]


@pytest.mark.parametrize(("first", "second"), [(25_00, 100_00), (1, 124_98), (60_00, 65_00)])
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 2, 0), (1, 0, 2), (2, 1, 0)])
def test_parts_of_a_payment_go_back_as_refunds_until_nothing_is_left(
    account: Account, first: int, second: int, order: tuple[int, ...]
) -> None:
    lines = (
        paid("b1", 125_00, 1, "RE-451", "E2E-4711"),
        paid("b2", -first, 4, "RETURN RE-451"),
        paid("b3", -second, 6, "RETURN RE-451"),
    )
    account.report(*(lines[index] for index in order), *(lines[index] for index in order))
    assert not account.state.deposits
    assert account.state.returned == {transfer_id("b1"): first + second}
    _payment, *backs = sorted(observations(account), key=lambda one: one.kind != TransactionKind.BANK_TRANSFER)
    assert {one.paytrace_transaction_id: one.amount_minor for one in backs} == {
        transfer_id("b2"): first,
        transfer_id("b3"): second,
    }
    assert {(one.kind, one.status, one.method, one.invoice_number) for one in backs} == {
        (TransactionKind.REFUND, TransactionStatus.BANK_BOOKED, PaymentMethod.BANK_TRANSFER, "RE-451")
    }
    account.report(paid("b4", -(125_00 - first - second + 1), 8, "RETURN RE-451"))
    assert sorted(account.state.deposits) == ["b4"], "more than is left waits"


def test_what_the_bank_charges_for_a_return_is_a_fee_and_no_part_of_it(account: Account) -> None:
    account.report(paid("b1", 125_00, 1, "RE-451"), paid("b2", -128_00, 4, "RETURN RE-451", included=3_00))
    back = account.of(BankTransferRecorded)[1]
    assert (back.amount_minor, back.fee_minor) == (125_00, 3_00)
    assert back.paytrace_transaction_id == transfer_id("b1")
    assert account.report(paid("b2", -128_00, 4, "RETURN RE-451", included=3_00)) == []


def test_a_person_says_whose_payment_a_debit_takes_back(account: Account) -> None:
    account.report(paid("b1", 125_00, 1, "RE-451"), paid("b2", 125_00, 1, "RE-451"), paid("b3", -25_00, 4, "RE-451"))
    account.report(
        take("b3", returns="b9", minute=1),
        take("b3", "RE-452", returns="b2", minute=2),
        take("b3", returns="b2", minute=3),
        take("b3", returns="b2", minute=4),
    )
    assert [one.refusal.partition(":")[0] for one in account.of(SettlementRequestRefused)] == [
        "b9 is no payment of a customer in the last 400 days",
        "invoice and customer are those of the payment that it takes back; leave them out",
        "no open bank line has this id",
    ]
    back = account.of(BankTransferRecorded)[-1]
    assert (back.returns_line_id, back.amount_minor, back.matched_by, back.deposit_minor) == (
        "b2",
        25_00,
        "maria",
        -25_00,
    )
    assert not account.state.deposits


def test_what_the_bank_charges_is_a_fee_and_the_customer_paid_it_too(account: Account) -> None:
    account.report(paid("b1", 98_00, 1, "RE-451", included=2_00))
    event = account.of(BankTransferRecorded)[0]
    assert (event.amount_minor, event.fee_minor) == (100_00, 2_00)
    fee = next(o.record for o in settlement.route(account.state, event) if isinstance(o.record, DepositExplained))
    assert (fee.deposit_minor, fee.records_minor, fee.fee_minor, fee.fee_kind) == (-2_00, 0, 2_00, "BANK_CHARGE")


def test_an_operator_says_that_an_open_line_is_a_customers(account: Account) -> None:
    account.report(settled("1", 30_00, 0), paid("b1", 80_00, 1, "hello"), statement(1))
    account.report(take("b1", "RE-451"))
    event = account.of(BankTransferRecorded)[0]
    assert (event.invoice_number, event.deposit_minor, event.matched_by) == ("RE-451", 80_00, "maria")
    assert account.state.deposits == {}
    assert account.days[1].is_closed
    assert account.report(take("b1", "RE-451"), paid("b1", 80_00, 1, "hello")) == []


def test_a_debit_and_a_line_that_is_taken_are_refused(account: Account) -> None:
    account.report(paid("b1", -80_00, 1, "hello"), paid("b2", 80_00, 1, "RE-451"))
    account.report(take("b1"), take("b2", minute=1))
    first, second = account.of(SettlementRequestRefused)
    assert "it is a debit" in first.refusal
    assert transfer_id("b2") in second.refusal


def test_the_shipped_rules_take_no_line_for_a_payment() -> None:
    account = Account(policy=DEPOSITS)
    account.report(paid("b1", 125_00, 1, "RE-451"))
    assert not account.of(BankTransferRecorded)


@settings(max_examples=60, deadline=None)
@given(
    st.permutations(
        [
            paid("b1", 125_00, 1, "RE-451"),
            paid("b1", 125_00, 1, "RE-451"),
            paid("b2", -125_00, 4, "RETURN RE-451"),
            paid("b3", 80_00, 2, "RE-452"),
            paid("b4", 55_00, 2, "who knows"),
            settled("1", 30_00, 0),
            bank("b5", 30_00, 1),
        ]
    )
)
def test_any_order_takes_each_line_once_and_the_journal_alone_gives_the_state(records: list[Any]) -> None:
    account = Account(policy=POLICY)
    account.report(*records)
    taken = [event.bank_line_id for event in account.of(BankTransferRecorded)]
    assert sorted(taken) == ["b1", "b2", "b3"]
    assert account.state.returned == {transfer_id("b1"): 125_00}
    state = settlement.INITIAL
    for event in account.events:
        state = settlement.evolve(state, event)
    assert state == account.state
