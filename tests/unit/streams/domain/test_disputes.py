"""Disputes: money is what the last fact of each says, however often it flips and in whatever order facts come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.failures import Unreadable
from schemas.records.gateway import HoldRefunds
from schemas.records.payments import DisputeReported, PaymentChargebackReversed, PaymentChargedBack
from schemas.records.payments import TransactionStatus as Status
from schemas.records.settlement import (
    DepositMatched,
    DisputeObserved,
    DisputeRecorded,
    DisputeStage,
    ProcessorEntryKind,
    SettlementLineRecorded,
    SettlementLineRefused,
)
from schemas.signs import settlement_sign
from streams.domain import payments, settlement
from streams.domain.payments.decider import Stage
from tests.support.builders import PAYMENT, observation, refund_linked
from tests.support.policies import DEPOSITS
from tests.support.settlement import Account, bank, dispute, entry, folded, names, noon, settled, statement

BACK, WON = DisputeStage.CHARGED_BACK, DisputeStage.CHARGEBACK_REVERSED


class Line:
    """Settlement and payments together, each record routed by hand; payments by transaction."""

    def __init__(self) -> None:
        self.account = settlement.INITIAL
        self.payments: dict[str, payments.State] = {}
        self.events: list[Any] = []
        self.holds: list[HoldRefunds] = []

    def report(self, *records: Any) -> list[Any]:
        """Decide these records; returns the settlement events of all of them."""
        reported: list[Any] = []
        for record in records:
            for event in settlement.decide(self.account, record, DEPOSITS):
                self.account = settlement.evolve(self.account, event)
                reported.append(event)
                for output in settlement.route(self.account, event):
                    assert output.topic == "payments.observations.v1"
                    self.pay(output.record)
        return reported

    def pay(self, *records: Any) -> None:
        """Decide these observations of payments."""
        for record in records:
            key = record.paytrace_transaction_id
            for event in payments.decide(self.payments.get(key, payments.INITIAL), record):
                self.payments[key] = payments.evolve(self.payments.get(key, payments.INITIAL), event)
                self.events.append(event)
                routed = [output.record for output in payments.route(self.payments[key], event)]
                self.holds += [record for record in routed if isinstance(record, HoldRefunds)]

    @property
    def payment(self) -> payments.State:
        """The usual payment."""
        return self.payments[PAYMENT]


def named(fact: DisputeObserved, transaction: str | None = PAYMENT, **changes: Any) -> DisputeObserved:
    return replace(fact, paytrace_transaction_id=transaction, **changes)


def minor_of(events: Sequence[Any]) -> int:
    """What lines do to the money between gateway and bank."""
    lines = [event for event in events if isinstance(event, SettlementLineRecorded)]
    assert len({line.line_id for line in lines}) == len(lines)
    return sum(settlement_sign(line.kind) * line.amount_minor for line in lines)


def test_a_dispute_that_flips_back_takes_the_money_again() -> None:
    account = Account()
    account.report(dispute("CB1", 100_00, 4), bank("b1", -100_00, 5))
    account.report(dispute("CB1", 100_00, 8, WON), bank("b2", 100_00, 9))
    account.report(dispute("CB1", 100_00, 12), bank("b3", -100_00, 13), statement(13))
    assert [line.line_ids for line in account.of(DepositMatched)] == [
        ("CB1:CHARGED_BACK",),
        ("CB1:CHARGEBACK_REVERSED",),
        ("CB1:CHARGED_BACK:2",),
    ]
    assert minor_of([e for e in account.events if getattr(e, "kind", "").startswith("CHARGE")]) == -100_00


def test_flips_of_one_day_are_distinguished_by_number_or_by_reading() -> None:
    numbered = [replace(dispute("CB1", 100_00, 4, stage), sequence=n) for n, stage in enumerate([BACK, WON, BACK])]
    assert minor_of(Account().report(*numbered, *numbered)) == -100_00
    read = [
        replace(fact, sequence=None, observed_at=noon(4) + timedelta(hours=hour)) for hour, fact in enumerate(numbered)
    ]
    assert minor_of(Account().report(*read)) == -100_00


def test_a_source_read_again_says_nothing_new() -> None:
    account = Account()
    facts = [dispute("CB1", 100_00, 4), dispute("CB1", 100_00, 8, WON), dispute("CB1", 100_00, 12)]
    account.report(*facts)
    assert account.report(*(replace(fact, observed_at=noon(20)) for fact in facts)) == []


def test_part_of_it_given_back_leaves_the_rest_taken() -> None:
    line = Line()
    line.pay(observation(Status.SETTLED))
    line.report(named(dispute("CB1", 100_00, 4)), named(dispute("CB1", 40_00, 8, WON)))
    assert line.payment.charged_back_minor == 60_00
    assert line.payment.stage is Stage.PARTIALLY_CHARGED_BACK


def test_a_reversal_whose_chargeback_never_came_is_money_at_the_bank_and_takes_nothing_from_the_payment() -> None:
    line = Line()
    assert minor_of(line.report(named(dispute("CB1", 100_00, 8, WON)))) == 100_00
    assert line.payments == {}
    assert minor_of(line.report(named(dispute("CB1", 100_00, 4)))) == -100_00  # it came late: both have moved now
    assert line.payments == {}


def test_a_chargeback_of_a_payment_is_seen_by_the_payment_and_the_gateway() -> None:
    line = Line()
    line.pay(observation(Status.SETTLED))
    line.report(named(dispute("CB1", 100_00, 4)))
    stages = [line.payment.stage]
    line.report(named(dispute("CB1", 100_00, 8, WON)))
    stages.append(line.payment.stage)
    line.report(named(dispute("CB1", 100_00, 12)))
    assert [*stages, line.payment.stage] == [Stage.CHARGED_BACK, Stage.SETTLED, Stage.CHARGED_BACK]
    assert names(line.events)[-3:] == ["PaymentChargedBack", "PaymentChargebackReversed", "PaymentChargedBack"]
    assert [(hold.subject, hold.charged_back_minor) for hold in line.holds] == [
        (f"payment/{PAYMENT}", minor) for minor in (100_00, 0, 100_00)
    ]


def test_two_disputes_of_one_payment_add_up_and_a_refund_beside_them_is_seen() -> None:
    line = Line()
    line.pay(observation(Status.SETTLED), refund_linked(amount_minor=20_00))
    line.report(named(dispute("CB1", 30_00, 4)))
    first = line.payment.stage
    line.report(named(dispute("CB2", 50_00, 5)))
    assert line.payment.charged_back_minor == 80_00
    assert (first, line.payment.stage) == (Stage.PARTIALLY_CHARGED_BACK, Stage.CHARGED_BACK)


def test_a_payment_that_nobody_saw_is_charged_back_too() -> None:
    line = Line()
    line.report(named(dispute("CB1", 100_00, 4), "404"))
    assert line.payments["404"].stage is Stage.CHARGED_BACK


def test_a_dispute_that_names_its_payment_later_moves_to_it_and_from_a_wrong_one_to_the_right_one() -> None:
    line = Line()
    line.report(dispute("CB1", 100_00, 4))
    assert line.payments == {}
    line.report(named(dispute("CB1", 100_00, 4), "1"), named(dispute("CB1", 100_00, 6), "2"))
    assert {key: state.charged_back_minor for key, state in line.payments.items()} == {"1": 0, "2": 100_00}
    line.report(named(dispute("CB1", 100_00, 8, WON), None))
    assert {key: state.charged_back_minor for key, state in line.payments.items()} == {"1": 0, "2": 0}


def test_what_is_too_old_is_refused_and_no_stage_is_guessed() -> None:
    account = Account()
    account.report(settled("1", 100_00, 500))
    assert names(account.report(dispute("CB1", 100_00, 2))) == [SettlementLineRefused.__name__]
    for odd in (replace(dispute("CB1", 1, 500), amount_minor=-1), dispute("CB1", 1, 500, DisputeStage.UNKNOWN)):
        with pytest.raises(Unreadable):
            account.report(odd)


@st.composite
def cases(draw: st.DrawFn) -> list[DisputeObserved]:
    """Facts of one dispute in their true order: days rise, or numbers within a day; stages and amounts as they like."""
    on, facts = 0, []
    for number in range(draw(st.integers(1, 7))):
        on += draw(st.integers(0, 3))
        stage = draw(st.sampled_from([BACK, WON, DisputeStage.RETRIEVAL]))
        fact = dispute("CB1", draw(st.sampled_from([100_00, 60_00])), on, stage)
        facts.append(named(fact, sequence=number, observed_at=noon(30 + draw(st.integers(0, 3)))))
    return facts


def expected(facts: Sequence[DisputeObserved]) -> int:
    """What is left of the money by the last fact: a reversal gives back so much of the last chargeback."""
    money = [fact for fact in facts if fact.stage is not DisputeStage.RETRIEVAL]
    taken = next((fact.amount_minor for fact in reversed(money) if fact.stage is BACK), 0)
    if not money or money[-1].stage is BACK:
        return -taken
    return money[-1].amount_minor - taken


@settings(max_examples=150, deadline=None)
@given(cases(), st.data())
def test_any_sequence_of_facts_ends_with_the_money_of_the_last_one(facts: list[DisputeObserved], data: Any) -> None:
    """Repeats and any order of arrival; journal and payment say the same, and another delivery says nothing."""
    arriving = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts), max_size=4))))
    line = Line()
    line.pay(observation(Status.SETTLED))
    events = line.report(*arriving)
    assert minor_of(events) == expected(facts)
    assert line.payment.charged_back_minor == max(0, -expected(facts))
    assert folded(events) == line.account
    assert line.report(*arriving) == []
    reported = [event for event in line.events if isinstance(event, PaymentChargedBack | PaymentChargebackReversed)]
    assert sum(event.amount_minor - event.previous_minor for event in reported) == line.payment.charged_back_minor


def test_a_repeated_report_changes_no_payment() -> None:
    reported = settlement.route(settlement.INITIAL, recorded(Account(), named(dispute("CB1", 100_00, 4))))[0].record
    assert isinstance(reported, DisputeReported)
    state = reduce(payments.evolve, payments.decide(payments.INITIAL, reported), payments.INITIAL)
    assert payments.decide(state, reported) == ()


def recorded(account: Account, fact: DisputeObserved) -> DisputeRecorded:
    (first, *_) = account.report(fact)
    assert isinstance(first, DisputeRecorded)
    return first


# -- other ids that may come back --------------------------------------------------------------------------------------

HELD, RELEASED = ProcessorEntryKind.RESERVE_HELD, ProcessorEntryKind.RESERVE_RELEASED


def test_a_reserve_held_released_and_held_again_under_one_number_counts_three_times() -> None:
    facts = [entry("R1", 50_00, 1, HELD), entry("R1", 50_00, 5, RELEASED), entry("R1", 50_00, 9, HELD)]
    account = Account()
    assert minor_of(account.report(*facts)) == -50_00
    assert account.report(*facts) == []


def test_an_entry_is_not_taken_for_a_bank_line_of_the_same_number() -> None:
    account = Account()
    account.report(settled("1", 100_00, 0, 17), bank("4711", 98_00, 1), entry("4711", 2_00, 1, ProcessorEntryKind.FEE))
    assert [line.line_id for line in account.of(SettlementLineRecorded)][-1] == "4711:FEE:2026-03-03"
    assert account.report(entry("4711", 2_00, 1, ProcessorEntryKind.FEE)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (bank("b1", 100_00, 1), bank("b1", 90_00, 1)),
        (bank("b1", 100_00, 1), bank("b1", 100_00, 3)),
        (bank("b1", 100_00, 1), bank("b1", -100_00, 1)),
        (entry("f1", 2_00, 1, ProcessorEntryKind.FEE), entry("f1", 3_00, 1, ProcessorEntryKind.FEE)),
    ],
    ids=["other amount", "other day", "other direction", "fee of another amount"],
)
def test_an_id_that_stands_for_another_line_is_refused_where_people_see_it_once(first: Any, second: Any) -> None:
    account = Account()
    account.report(first)
    refused = account.report(second, second)
    assert names(refused) == [SettlementLineRefused.__name__]
    assert "stands for" in refused[0].detail
    assert account.report(first) == []
