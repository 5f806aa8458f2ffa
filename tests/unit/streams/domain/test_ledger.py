"""The ledger: each fact is booked once, its document asked for once, and what is in clearing is what the facts say."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import faults
from schemas.records.disputes import DisputeMoneyMoved, DisputeMovement
from schemas.records.erp import DocumentLine, PostDocument, Side
from schemas.records.identification import Movement
from schemas.records.ledger import (
    BookAgain,
    BookingDecided,
    BookingWaits,
    DepositExplained,
    DepositReopened,
    DocumentBooked,
    DocumentNotBooked,
    JournalEntryMade,
    LedgerDocumentPosted,
    LedgerDocumentRequested,
    LedgerDocumentsNetted,
    LedgerDocumentWaiting,
    MoneyMoved,
    TryWaitingAgain,
)
from schemas.records.payments import PaymentMethod
from schemas.records.settlement import DepositRestExplained, SettlementLineKind, SettlementLineRecorded
from schemas.signs import movement_sign, settlement_sign
from streams.domain.accounts import Account, AccountMapping, AccountRule, Accounts
from streams.domain.choices import ClosedPeriod
from streams.domain.ledger import INITIAL, Event, State, decide, evolve, reminder, route
from tests.support.policies import LEDGER

ACCOUNT = "main/USD"
DAY = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 6, tzinfo=UTC)


class Ledger:
    """One merchant account that hears records, and the commands that it gave."""

    def __init__(self, policy: AccountMapping = LEDGER) -> None:
        self.policy, self.state = policy, INITIAL
        self.events: list[Event] = []
        self.commands: list[PostDocument] = []

    def hears(self, *records: Any) -> tuple[Event, ...]:
        heard: tuple[Event, ...] = ()
        for record in records:
            events = decide(self.state, record, self.policy)
            for event in events:
                self.state = evolve(self.state, event)
                self.commands += [out.record for out in route(self.state, event)]  # type: ignore[misc]
            heard += events
        self.events += heard
        return heard

    @property
    def balances(self) -> dict[str, int]:
        return {name.removesuffix("/USD"): minor for name, minor in self.state.balances.items() if minor}


def rule(account: str, when: Mapping[str, frozenset[str]] | None = None) -> AccountRule:
    return AccountRule(Account(account), when or {}, None, date.min)


def moved(name: str, movement: Movement, minor: int, *, at: datetime = AT) -> MoneyMoved:
    return MoneyMoved(
        settlement_account=ACCOUNT,
        movement_id=f"{name}:{movement}",
        paytrace_transaction_id=name,
        movement=movement,
        amount_minor=minor,
        currency="USD",
        method=PaymentMethod.CARD,
        value_on=DAY,
        occurred_at=at,
    )


def line(name: str, kind: SettlementLineKind, minor: int) -> SettlementLineRecorded:
    return SettlementLineRecorded(
        settlement_account=ACCOUNT,
        line_id=name,
        kind=kind,
        amount_minor=minor,
        currency="USD",
        moved_on=DAY,
        book_on=DAY,
        card_type="",
        text="",
        occurred_at=AT,
    )


def disputed(
    name: str, movement: DisputeMovement, minor: int, number: int = 1, *, reopens: bool = False
) -> DisputeMoneyMoved:
    return DisputeMoneyMoved(
        settlement_account=ACCOUNT,
        dispute_case=f"{ACCOUNT}/{name}",
        dispute_id=name,
        line_id=f"{name}:{movement}{number if number > 1 else ''}",
        movement=movement,
        amount_minor=minor,
        currency="USD",
        paytrace_transaction_id="395970002",
        reason_code="10.4",
        raw_stage="CB",
        moved_on=DAY,
        reopens_invoice=reopens,
        occurred_at=AT,
    )


def deposit(
    name: str, minor: int, *, fee: int = 0, tax: int = 0, rest: int = 0, hour: int = 0, fee_kind: str = ""
) -> DepositExplained:
    return DepositExplained(
        settlement_account=ACCOUNT,
        bank_line_id=name,
        deposit_minor=minor,
        records_minor=minor + fee + rest,
        fee_minor=fee,
        tax_minor=tax,
        fee_kind=fee_kind,
        rest_minor=rest,
        currency="USD",
        moved_on=DAY,
        occurred_at=AT + timedelta(hours=hour),
    )


def explained(
    name: str, rest: int, *, fee: int = 0, tax: int = 0, hour: int = 1, line: str = ""
) -> DepositRestExplained:
    return DepositRestExplained(
        settlement_account=ACCOUNT,
        bank_line_id=name,
        line_ids=(line,) if line else (),
        records_minor=fee - rest,
        fee_minor=fee,
        tax_minor=tax,
        rest_minor=rest,
        currency="USD",
        rule="rest-by-late-lines",
        rule_version=1,
        evidence=(),
        matched_by="rule",
        reason="",
        book_on=DAY,
        occurred_at=AT + timedelta(hours=hour),
    )


def reopened(name: str, hour: int) -> DepositReopened:
    at = AT + timedelta(hours=hour)
    return DepositReopened(settlement_account=ACCOUNT, bank_line_id=name, currency="USD", occurred_at=at)


def outcome(command: PostDocument) -> DocumentBooked:
    return DocumentBooked(
        settlement_account=ACCOUNT,
        document_kind=command.kind,
        posting_reference=command.posting_reference,
        reverses_reference=command.reverses_reference,
        is_customers=False,
        lines=command.lines,
        value_on=DAY,
        abas_document_id="(1,6,0)",
        abas_document_number="BU-1",
        occurred_at=AT,
    )


def refusal(command: PostDocument, code: str = "OTHER/53") -> DocumentNotBooked:
    return DocumentNotBooked(
        settlement_account=ACCOUNT,
        document_kind=command.kind,
        posting_reference=command.posting_reference,
        code=code,
        message="Account can't be posted to",
        occurred_at=AT,
    )


def receipt(name: str, minor: int, kind: str = "cash_receipt", side: Side = Side.CREDIT) -> DocumentBooked:
    of_customer = DocumentLine(role="receivable", account="70001", side=side, amount_minor=minor, currency="USD")
    other = Side.DEBIT if side is Side.CREDIT else Side.CREDIT
    clearing = replace(of_customer, role="clearing", account="1361", side=other)
    return DocumentBooked(
        settlement_account=ACCOUNT,
        document_kind=kind,
        posting_reference=f"PT{name}",
        paytrace_transaction_id=name,
        is_customers=True,
        lines=(of_customer, clearing),
        value_on=DAY,
        abas_document_id="(1,900,2)",
        abas_document_number="ZE-1",
        occurred_at=AT,
    )


def again(reference: str, *, by: str = "mweber", why: str = "account takes postings again") -> BookAgain:
    return BookAgain(
        command_id=f"again-{reference}",
        settlement_account=ACCOUNT,
        posting_reference=reference,
        decided_by=by,
        authenticated_by="session",
        reason=why,
        occurred_at=AT,
    )


def without(role: str, version: int = 1) -> AccountMapping:
    rules = {name: lines for name, lines in LEDGER.accounts.rules.items() if name != role}
    return replace(LEDGER, version=version, accounts=Accounts(rules))


def signed(command: PostDocument) -> dict[str, int]:
    return {one.role: one.amount_minor if one.side is Side.DEBIT else -one.amount_minor for one in command.lines}


def test_a_payment_is_in_clearing_and_unapplied_until_its_document_is_posted() -> None:
    ledger = Ledger()
    ledger.hears(moved("1", Movement.CAPTURED, 125_00))
    assert ledger.balances == {"clearing": 125_00, "unapplied": -125_00}
    ledger.hears(receipt("1", 125_00))
    assert ledger.balances == {"clearing": 125_00, "receivable": -125_00}
    assert ledger.commands == []


def test_a_deposit_and_its_fee_are_two_documents_asked_for_once() -> None:
    ledger = Ledger()
    told = deposit("b1", 95_80, fee=3_20, tax=20, rest=1_00)
    ledger.hears(moved("1", Movement.CAPTURED, 100_00), told, told)
    assert [signed(command) for command in ledger.commands] == [
        {"bank": 95_80, "clearing": -96_80, "unidentified": 1_00},
        {"fees": 3_00, "input_tax": 20, "clearing": -3_20},
    ]
    assert [list(faults(command)) for command in ledger.commands] == [[], []]
    assert [(one.kind, one.subject, one.mapping_version) for one in ledger.commands] == [
        ("deposit", "1361", "1"),
        ("fee", "1361", "1"),
    ]
    assert ledger.balances == {
        "bank": 95_80, "unidentified": 1_00, "fees": 3_00, "input_tax": 20, "unapplied": -100_00,
    }  # fmt: skip
    events = ledger.hears(*map(outcome, ledger.commands), *map(outcome, ledger.commands))
    assert [type(event) for event in events] == [LedgerDocumentPosted] * 2
    assert not ledger.state.asked
    assert not ledger.state.waiting


def test_a_negative_deposit_turns_its_lines() -> None:
    ledger = Ledger()
    ledger.hears(deposit("b1", -61_46))
    assert [signed(command) for command in ledger.commands] == [{"bank": -61_46, "clearing": 61_46}]
    assert list(faults(ledger.commands[0])) == []


def test_a_match_that_is_taken_apart_reverses_what_is_posted() -> None:
    ledger = Ledger()
    ledger.hears(deposit("b1", 96_80, fee=3_20))
    ledger.hears(*map(outcome, ledger.commands))
    first = list(ledger.commands)
    ledger.hears(reopened("b1", 1))
    reversals = ledger.commands[2:]
    assert [(one.kind, one.reverses_reference) for one in reversals] == [
        ("deposit_reversal", first[0].posting_reference),
        ("fee_reversal", first[1].posting_reference),
    ]
    assert [list(faults(command)) for command in reversals] == [[], []]
    assert ledger.balances == {}
    ledger.hears(deposit("b1", 96_80, rest=3_20, hour=2))
    assert ledger.commands[-1].posting_reference not in {one.posting_reference for one in [*first, *reversals]}
    assert ledger.balances == {"bank": 96_80, "clearing": -100_00, "unidentified": 3_20}


def test_a_debit_that_pays_a_statement_of_fees_is_a_fee_of_its_kind_against_the_bank() -> None:
    ledger = Ledger()
    ledger.hears(deposit("b1", -29_00, fee=29_00, fee_kind="monthly"))
    (command,) = ledger.commands
    assert (command.kind, command.values["fee_kind"]) == ("fee", "monthly")
    assert signed(command) == {"fees": 29_00, "bank": -29_00}


def test_a_rest_that_is_explained_leaves_unidentified_and_its_fee_is_a_document_of_its_own() -> None:
    ledger = Ledger()
    ledger.hears(moved("1", Movement.CAPTURED, 100_00), deposit("b1", 101_00, rest=-1_00))
    ledger.hears(*map(outcome, ledger.commands))
    told = explained("b1", -1_00, fee=10)
    ledger.hears(told, told)
    adjustment, fee = ledger.commands[1:]
    assert (adjustment.kind, signed(adjustment)) == ("adjustment", {"clearing": -1_00, "unidentified": 1_00})
    assert (fee.kind, signed(fee)) == ("fee", {"fees": 10, "clearing": -10})
    assert [list(faults(command)) for command in ledger.commands] == [[], [], []]
    assert ledger.balances == {"bank": 101_00, "clearing": -1_10, "fees": 10, "unapplied": -100_00}


def test_a_fee_that_was_counted_early_is_given_back_with_its_tax_when_it_is_told() -> None:
    ledger = Ledger()
    ledger.hears(deposit("b1", 96_80, fee=3_20, tax=20), line("f1", SettlementLineKind.FEE, 3_20))
    ledger.hears(explained("b1", 0, fee=-3_20, tax=-20, line="f1"))
    assert [command.kind for command in ledger.commands] == ["deposit", "fee", "fee", "fee"]
    assert signed(ledger.commands[-1]) == {"fees": -3_00, "input_tax": -20, "clearing": 3_20}
    assert ledger.balances == {"bank": 96_80, "fees": 3_20, "clearing": -100_00}


def test_a_match_that_is_taken_apart_takes_its_explained_rest_along_in_whatever_order() -> None:
    matched, told, apart = deposit("b1", 99_00, rest=1_00), explained("b1", 1_00, hour=1), reopened("b1", 2)
    for order in ((matched, told, apart), (told, matched, apart), (apart, told, matched), (told, apart, matched)):
        ledger = Ledger()
        for record in order:
            asked = len(ledger.commands)
            ledger.hears(record)
            ledger.hears(*map(outcome, ledger.commands[asked:]))
        assert ledger.balances == {}
    assert not ledger.state.waiting


def test_an_older_word_about_a_bank_line_changes_nothing() -> None:
    ledger = Ledger()
    assert ledger.hears(reopened("b1", 1))
    assert ledger.hears(deposit("b1", 96_80)) == ()
    assert ledger.balances == {}


def test_a_dispute_is_a_receivable_until_it_is_won_and_may_flip() -> None:
    ledger = Ledger()
    taken, won = DisputeMovement.CHARGED_BACK, DisputeMovement.CHARGEBACK_REVERSED
    for record in (disputed("X1", taken, 80_00), disputed("X1", won, 80_00), disputed("X1", taken, 80_00, 2)):
        ledger.hears(record)
        ledger.hears(*map(outcome, ledger.commands[-1:]))
    first, back, second = ledger.commands
    assert [one.kind for one in ledger.commands] == ["chargeback", "chargeback_reversal", "chargeback"]
    assert [list(faults(one)) for one in ledger.commands] == [[], [], []]
    assert back.reverses_reference == first.posting_reference != second.posting_reference
    assert ledger.balances == {"clearing": -80_00, "chargeback_receivable": 80_00}


def test_a_dispute_by_the_policy_reopen_is_the_customers_money_and_no_document_of_the_ledger() -> None:
    ledger = Ledger()
    ledger.hears(disputed("X1", DisputeMovement.CHARGED_BACK, 80_00, reopens=True))
    assert ledger.balances == {"clearing": -80_00, "unapplied": 80_00}
    assert ledger.commands == []


def test_what_was_never_posted_needs_no_reversal() -> None:
    ledger = Ledger(without("bank"))
    ledger.hears(deposit("b1", 96_80))
    events = ledger.hears(reopened("b1", 1))
    assert any(isinstance(event, LedgerDocumentsNetted) for event in events)
    assert ledger.commands == []
    assert not ledger.state.waiting


def test_a_reversal_waits_until_abas_has_answered_for_what_it_reverses() -> None:
    for answer, kinds in ((outcome, ["deposit", "deposit_reversal"]), (refusal, ["deposit"])):
        ledger = Ledger()
        ledger.hears(deposit("b1", 96_80))
        (waits,) = [one for one in ledger.hears(reopened("b1", 1)) if isinstance(one, LedgerDocumentWaiting)]
        assert waits.waits_for is BookingWaits.ORIGINAL_PENDING
        ledger.hears(answer(ledger.commands[0]))
        assert [command.kind for command in ledger.commands] == kinds
        assert not ledger.state.waiting
        assert ledger.balances == {}


def test_without_an_account_a_document_waits_for_the_next_mapping() -> None:
    ledger = Ledger(without("fees"))
    (_, waits) = ledger.hears(line("f1", SettlementLineKind.FEE, 12_50))
    assert isinstance(waits, LedgerDocumentWaiting)
    assert (waits.waits_for, ledger.commands) == (BookingWaits.NO_ACCOUNT, [])
    assert "no account for role fees" in waits.detail
    assert ledger.balances == {"fees": 12_50, "clearing": -12_50}  # the ledger has it, whatever the ERP takes
    ledger.hears(moved("1", Movement.CAPTURED, 1_00))
    assert ledger.commands == []
    ledger.policy = without("bank", version=2)
    ledger.hears(moved("2", Movement.CAPTURED, 1_00))
    (command,) = ledger.commands
    assert (signed(command), command.mapping_version) == ({"fees": 12_50, "clearing": -12_50}, "2")


def test_documents_of_a_merchant_account_go_into_its_company() -> None:
    by_company = {"fees": [rule("6001", when={"company": frozenset({"at"})}), rule("6855")]}
    accounts = Accounts({**LEDGER.accounts.rules, **by_company})
    ledger = Ledger(replace(LEDGER, accounts=accounts, companies={"main": "at"}))
    ledger.hears(deposit("b1", 96_80, fee=3_20), line("f1", SettlementLineKind.FEE, 12_50))
    assert [one.subject for one in ledger.commands] == ["at/1361"] * 3
    fees = [line.account for one in ledger.commands for line in one.lines if line.role == "fees"]
    assert fees == ["6001", "6001"], "accounts of a company are its own numbers, without its label"


def test_a_merchant_account_without_a_company_waits_for_the_next_mapping() -> None:
    ledger = Ledger(replace(LEDGER, companies={"second": "at"}))
    (_, waits) = ledger.hears(line("f1", SettlementLineKind.FEE, 12_50))
    assert isinstance(waits, LedgerDocumentWaiting)
    assert waits.detail == "no company for merchant account main; add it below companies"
    ledger.policy = replace(LEDGER, version=2, companies={"main": "de"})
    ledger.hears(moved("1", Movement.CAPTURED, 1_00))
    assert [one.subject for one in ledger.commands] == ["de/1361"]


def test_a_refused_document_waits_and_is_asked_for_again_by_a_person() -> None:
    ledger = Ledger()
    ledger.hears(line("r1", SettlementLineKind.RESERVE_HELD, 100_00))
    (command,) = ledger.commands
    (waits,) = ledger.hears(refusal(command))
    assert isinstance(waits, LedgerDocumentWaiting)
    assert waits.detail == "OTHER/53: Account can't be posted to"
    (decided, _) = ledger.hears(again(command.posting_reference), again(command.posting_reference))
    assert isinstance(decided, BookingDecided)
    assert decided.refused_because == ""
    assert [replace(one, occurred_at=AT) for one in ledger.commands] == [command, command]
    (refused,) = ledger.hears(replace(again(command.posting_reference), command_id="other"))
    assert isinstance(refused, BookingDecided)
    assert refused.refused_because == f"{command.posting_reference} is being posted"


def test_an_adopted_mapping_wakes_what_waits_for_it() -> None:
    ledger = Ledger(without("fees"))
    assert reminder(ledger.state, AT) is None
    ledger.hears(line("f1", SettlementLineKind.FEE, 12_50))
    woken = reminder(ledger.state, AT)
    assert woken == TryWaitingAgain(settlement_account=ACCOUNT, occurred_at=AT)
    assert ledger.hears(woken) == ()
    ledger.policy = replace(LEDGER, version=2)
    ledger.hears(woken)
    (command,) = ledger.commands
    assert signed(command) == {"fees": 12_50, "clearing": -12_50}
    assert reminder(ledger.state, AT) is None


def test_a_document_of_a_closed_period_is_parked_or_posted_in_the_next_one_by_policy() -> None:
    parked = Ledger()
    parked.hears(line("r1", SettlementLineKind.RESERVE_HELD, 100_00))
    (waits,) = parked.hears(refusal(parked.commands[0], "PERIOD_CLOSED/17"))
    assert isinstance(waits, LedgerDocumentWaiting)
    assert waits.detail.endswith("adopt a mapping with closed_period: redate for this kind")

    redating = replace(LEDGER, policies=replace(LEDGER.policies, closed_period={"reserve_held": "redate"}))
    ledger = Ledger(redating)
    ledger.hears(line("r1", SettlementLineKind.RESERVE_HELD, 100_00))
    (command,) = ledger.commands
    refused = replace(refusal(command, "PERIOD_CLOSED/17"), occurred_at=AT + timedelta(days=40))
    ledger.hears(refused)
    moved_on = ledger.commands[-1]
    assert replace(moved_on, posted_on=None, occurred_at=AT) == command
    assert moved_on.posted_on == date(2026, 12, 1)
    ledger.hears(refused)
    assert ledger.commands[-1].posted_on == date(2027, 1, 1)
    (waits,) = ledger.hears(refused)  # no document is dated ahead
    assert isinstance(waits, LedgerDocumentWaiting)


def test_what_turns_a_document_of_a_closed_period_is_an_adjustment_in_the_open_one_by_policy() -> None:
    kinds = ("fee", "chargeback_fee", "deposit_reversal", "chargeback_reversal")
    choices: dict[str, ClosedPeriod] = dict.fromkeys(kinds, "adjust")
    adjusting = replace(LEDGER, policies=replace(LEDGER.policies, closed_period=choices))
    ledger = Ledger(adjusting)
    ledger.hears(deposit("b1", 96_80))
    ledger.hears(*map(outcome, ledger.commands))
    ledger.hears(reopened("b1", 1), line("l1", SettlementLineKind.FEE_GIVEN_BACK, 30))
    ledger.hears(
        line("l2", SettlementLineKind.CHARGEBACK_FEE_GIVEN_BACK, 15_00), line("l3", SettlementLineKind.FEE, 40)
    )
    asked = ledger.commands[1:]
    assert [one.kind for one in asked] == ["deposit_reversal", "fee", "chargeback_fee", "fee"]
    for command in asked:
        ledger.hears(replace(refusal(command, "PERIOD_CLOSED/17"), occurred_at=AT + timedelta(days=40)))
    again = ledger.commands[5:]
    assert [one.kind for one in again] == ["adjustment", "adjustment", "adjustment", "fee"]
    assert [one.posting_reference for one in again] == [one.posting_reference for one in asked]
    assert {one.posted_on for one in again} == {date(2026, 12, 1)}
    assert [signed(one) for one in again] == [signed(one) for one in asked]
    assert [list(faults(one)) for one in again] == [[]] * 4
    assert again[0].text == f"PayTrace deposit reversal 2026-11-25, adjusted: {ledger.commands[0].posting_reference}"
    assert again[1].text == "PayTrace fee 2026-11-25, adjusted"
    ledger.hears(replace(refusal(again[1], "PERIOD_CLOSED/17"), occurred_at=AT + timedelta(days=40)))
    assert (ledger.commands[-1].kind, ledger.commands[-1].posted_on) == ("adjustment", date(2027, 1, 1))


def test_who_asks_without_a_reason_is_refused() -> None:
    ledger = Ledger()
    (refused,) = ledger.hears(again("L1", why="ok"))
    assert isinstance(refused, BookingDecided)
    assert refused.refused_because


AMOUNTS = st.integers(1, 10**6)
NAMES = st.sampled_from(["1", "2", "3"])
MOVED = st.builds(moved, NAMES, st.sampled_from([one for one in Movement if movement_sign(one)]), AMOUNTS)
OF_PROCESSOR = (
    SettlementLineKind.FEE,
    SettlementLineKind.RESERVE_HELD,
    SettlementLineKind.RESERVE_RELEASED,
)
LINES = st.builds(
    lambda name, kind, minor: line(f"{name}:{kind}", kind, minor), NAMES, st.sampled_from(OF_PROCESSOR), AMOUNTS
)
DEPOSITS = st.builds(
    lambda name, minor, fee, rest, hour: deposit(name, minor, fee=fee, rest=rest, hour=hour),
    NAMES, st.integers(-(10**6), 10**6).filter(bool), st.integers(-500, 500), st.integers(-500, 500), st.integers(0, 9),
)  # fmt: skip
EXPLAINED = st.builds(
    lambda name, rest, fee, hour, line: explained(name, rest, fee=fee, hour=hour, line=line),
    NAMES, st.integers(-500, 500), st.integers(-500, 500), st.integers(0, 9), st.sampled_from(["", "l1", "l2"]),
)  # fmt: skip
REOPENED = st.builds(reopened, NAMES, st.integers(0, 9))
DISPUTES = st.builds(
    lambda name, movement, number, minor, reopens: disputed(name, movement, minor, number, reopens=reopens), NAMES,
    st.sampled_from([DisputeMovement.CHARGED_BACK, DisputeMovement.CHARGEBACK_REVERSED]), st.integers(1, 2), AMOUNTS,
    st.booleans(),
)  # fmt: skip
RECEIPTS = st.builds(receipt, NAMES, AMOUNTS)


def unique(records: list[Any]) -> list[Any]:
    """One record for each fact: two that share an id are one fact, told first."""
    kept: dict[str, Any] = {}
    for record in records:
        kept.setdefault(key_of(record), record)
    return list(kept.values())


def key_of(record: Any) -> str:
    match record:
        case MoneyMoved():
            return record.movement_id
        case DisputeMoneyMoved():
            return f"dispute:{record.line_id}"
        case SettlementLineRecorded():
            return f"processor:{record.line_id}"
        case DocumentBooked():
            return record.posting_reference
        case DepositRestExplained():
            return f"{record.bank_line_id}@{record.occurred_at}:{record.line_ids}"
        case _:
            return f"{record.bank_line_id}@{record.occurred_at}"


def in_clearing(records: list[Any]) -> int:
    """What the facts say is in clearing.

    Captures less refunds and returns, disputes less those that were won, fees, reserves held less released, and the
    deposits that are recognised, with what was explained of them since.
    """
    total, deposits = 0, dict[str, Any]()
    for record in records:
        if isinstance(record, MoneyMoved):
            total += movement_sign(record.movement) * record.amount_minor
        elif isinstance(record, DisputeMoneyMoved):
            total += record.amount_minor * (1 if record.movement is DisputeMovement.CHARGEBACK_REVERSED else -1)
        elif isinstance(record, SettlementLineRecorded):
            total += settlement_sign(record.kind) * record.amount_minor
        elif isinstance(record, DepositExplained | DepositReopened):
            known = deposits.get(record.bank_line_id)
            if known is None or record.occurred_at > known.occurred_at:
                deposits[record.bank_line_id] = record
    total -= sum(one.records_minor for one in deposits.values() if isinstance(one, DepositExplained))
    rests = [one for one in records if isinstance(one, DepositRestExplained)]
    return total - sum(
        one.records_minor
        for one in rests
        if one.bank_line_id not in deposits or one.occurred_at >= deposits[one.bank_line_id].occurred_at
    )


@given(
    records=st.lists(st.one_of(MOVED, LINES, DISPUTES, DEPOSITS, EXPLAINED, REOPENED, RECEIPTS), max_size=25),
    data=st.data(),
)
def test_clearing_is_what_the_facts_say_on_every_prefix_in_any_order_and_with_repeats(
    records: list[Any], data: st.DataObject
) -> None:
    """Whatever abas takes, refuses or has no account for; and each entry sums to zero, in the currency and in base."""
    facts = unique(records)
    repeated = data.draw(
        st.permutations([*facts, *data.draw(st.lists(st.sampled_from(facts)))]) if facts else st.just([])
    )
    ledger, answered = Ledger(data.draw(st.sampled_from([LEDGER, without("bank"), without("fees")]))), 0
    for index, record in enumerate(repeated):
        ledger.hears(record)
        assert ledger.state.balances.get("clearing/USD", 0) == in_clearing(unique(list(repeated[: index + 1])))
        assert sum(ledger.state.balances.values()) == 0
        while answered < len(ledger.commands) and data.draw(st.booleans()):
            command = ledger.commands[answered]
            ledger.hears(outcome(command) if data.draw(st.booleans()) else refusal(command))
            answered += 1
    for event in ledger.events:
        if isinstance(event, JournalEntryMade):
            sums: Counter[str] = Counter()
            for of_entry in event.lines:
                sums[of_entry.currency] += of_entry.amount_minor
                sums[f"base {of_entry.base_currency}"] += of_entry.base_minor or 0
            assert not any(sums.values()), event
    references = Counter(command.posting_reference for command in ledger.commands)
    assert all(count == 1 for count in references.values()), references
    assert [fault for command in ledger.commands for fault in faults(command)] == []
    assert reduce(evolve, ledger.events, INITIAL) == ledger.state


def test_every_field_of_the_state_is_what_evolve_makes_it() -> None:
    assert {one.name for one in dataclasses.fields(State)} == {
        "account", "balances", "chargebacks", "clearing_worth", "waiting", "asked", "posted", "deposits", "known",
        "sold", "command_ids",
    }  # fmt: skip


def test_an_outcome_of_a_document_that_nobody_asked_for_changes_nothing() -> None:
    ledger = Ledger()
    ledger.hears(line("f1", SettlementLineKind.FEE, 12_50))
    (command,) = ledger.commands
    assert Ledger().hears(outcome(command)) == ()
    assert Ledger().hears(refusal(command)) == ()


def test_a_line_of_the_gateway_is_no_line_of_the_processor() -> None:
    assert Ledger().hears(line("x", SettlementLineKind.CAPTURED, 1_00)) == ()


def test_the_state_forgets_what_no_rule_can_need_any_more() -> None:
    ledger = Ledger()
    for day in range(100):
        at = AT + timedelta(days=day)
        ledger.hears(moved(str(day), Movement.CAPTURED, 1_00, at=at))
        told = replace(deposit(f"b{day}", 1_00), moved_on=at.date(), occurred_at=at)
        ledger.hears(told)
        ledger.hears(outcome(ledger.commands[-1]))
    assert len(ledger.state.known) <= 62
    assert len(ledger.state.deposits) <= 62
    assert len(ledger.state.posted) <= 62


def test_a_document_that_was_asked_for_is_named_in_its_request() -> None:
    ledger = Ledger()
    events = ledger.hears(line("f1", SettlementLineKind.FEE, 12_50))
    assert [type(event) for event in events] == [JournalEntryMade, LedgerDocumentRequested]
