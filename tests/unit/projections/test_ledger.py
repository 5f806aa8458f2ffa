"""The trial balance: what our ledger and abas hold on each role, and that the difference is explained to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from projections.store.client import Store
from schemas.records.erp import DocumentPosted
from schemas.records.identification import Movement
from schemas.records.ledger import MoneyMoved
from schemas.records.payments import PaymentMethod
from schemas.records.settlement import SettlementLineKind
from schemas.topic import Topic
from tests.support.abas_commands import post_receipt
from tests.support.builders import done
from tests.support.projecting import asked, project
from tests.support.scripted import OUTCOMES, Script
from tests.unit.streams.domain.test_ledger import (
    ACCOUNT,
    Ledger,
    deposit,
    line,
    moved,
    outcome,
    receipt,
    refusal,
    without,
)


def posted_receipt(name: str, minor: int) -> DocumentPosted:
    document = replace(post_receipt(f"PT{name}", "i1", minor=minor), settlement_account=ACCOUNT)
    posted = done(document)
    assert isinstance(posted, DocumentPosted)
    return posted


def played(store: Store) -> Ledger:
    """Two payments, one of which abas holds; a deposit that is posted, a fee without account, a refused reserve."""
    ledger, script = Ledger(without("fees")), Script()
    ledger.hears(moved("1", Movement.CAPTURED, 100_00), moved("2", Movement.CAPTURED, 40_00), receipt("1", 100_00))
    ledger.hears(deposit("b1", 96_80, rest=20), line("f1", SettlementLineKind.FEE, 3_00))
    ledger.hears(line("r1", SettlementLineKind.RESERVE_HELD, 5_00), line("r2", SettlementLineKind.RESERVE_HELD, 7_00))
    of_deposit, refused, _asked = ledger.commands
    ledger.hears(outcome(of_deposit), refusal(refused))
    script.write(OUTCOMES, posted_receipt("1", 100_00))
    script.write(OUTCOMES, done(of_deposit))
    script.write(OUTCOMES, done(of_deposit))  # found again by a look-up
    for event in ledger.events:
        script.write(Topic.LEDGER_ENTRIES, event)
    project(store, script.messages)
    return ledger


def test_the_trial_balance_closes_and_names_what_explains_the_difference(store: Store) -> None:
    ledger = played(store)
    balance: Mapping[str, dict[str, object]] = {str(row["role"]): row for row in asked(store, "trial_balance")}
    assert {role: row["ledger_minor"] for role, row in balance.items()} == ledger.balances
    assert [row["residual_minor"] for row in balance.values()] == [0] * len(balance)
    assert sum(int(str(row["ledger_minor"])) for row in balance.values()) == 0
    assert sum(int(str(row["abas_minor"])) for row in balance.values()) == 0
    names = ("ledger", "abas", "asked", "waiting", "refused", "unapplied")
    assert [balance["clearing"][f"{name}_minor"] for name in names] == [28_00, 3_00, -7_00, -3_00, -5_00, 40_00]


def test_what_customers_paid_into_the_bank_account_and_waits_is_on_bank(store: Store) -> None:
    def transferred(name: str, movement: Movement, minor: int) -> MoneyMoved:
        return replace(moved(name, movement, minor), method=PaymentMethod.BANK_TRANSFER)

    ledger, script = Ledger(), Script()
    ledger.hears(transferred("BTA", Movement.CAPTURED, 50_00), transferred("BTB", Movement.CAPTURED, 30_00))
    ledger.hears(transferred("BTC", Movement.REFUNDED, 4_01), moved("1", Movement.CAPTURED, 7_00))
    ledger.hears(receipt("BTB", 30_00))
    posted = posted_receipt("BTB", 30_00)
    lines = tuple(replace(one, role="bank") if one.role == "clearing" else one for one in posted.lines)
    script.write(OUTCOMES, replace(posted, lines=lines))
    for event in ledger.events:
        script.write(Topic.LEDGER_ENTRIES, event)
    project(store, script.messages)
    balance = {str(row["role"]): row for row in asked(store, "trial_balance")}
    assert {role: row["residual_minor"] for role, row in balance.items()} == dict.fromkeys(balance, 0)
    unapplied = {role: row["unapplied_minor"] for role, row in balance.items() if row["unapplied_minor"]}
    assert unapplied == {"bank": 45_99, "clearing": 7_00, "unapplied": -52_99}


def test_what_has_no_account_needs_a_person_and_is_listed(store: Store) -> None:
    played(store)
    (counted,) = [row for row in asked(store, "what_needs_a_person") if row["kind"] == "ledger documents waiting"]
    assert (counted["item_count"], counted["amount_minor"]) == (1, 3_00)
    listed = {row["kind"]: row["waits_for"] for row in asked(store, "ledger_waiting")}
    assert listed == {"fee": "NO_ACCOUNT", "reserve_held": "REFUSED"}


def test_the_journal_of_one_payment_names_each_account_that_its_money_went_through(store: Store) -> None:
    played(store)
    lines = [
        (row["role"], row["amount_minor"]) for row in asked(store, "journal_of_a_payment", paytrace_transaction_id="1")
    ]
    assert lines == [("clearing", 100_00), ("unapplied", -100_00), ("receivable", -100_00), ("unapplied", 100_00)]
    story = asked(store, "story_of_one_payment", paytrace_transaction_id="1")
    entries = [str(row["what"]) for row in story if row["record_type"] == "JournalEntryMade"]
    assert len(entries) == 2
    assert "CAPTURED: clearing 10000, unapplied -10000" in entries[0]
    assert "cash_receipt: receivable -10000, unapplied 10000" in entries[1]
