"""Disputes: a case is what its last fact says, however often it flips and in whatever order facts come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.failures import Unreadable
from schemas.records.disputes import (
    DayBegan,
    DisputeDeadlineNear,
    DisputeDeadlinePassed,
    DisputeDeadlineSet,
    DisputeFactRefused,
    DisputeMoneyMoved,
    DisputeMovement,
    DisputeObserved,
    DisputeRecorded,
    RecordDisputeFact,
)
from schemas.records.disputes import DisputeFact as Fact
from schemas.records.gateway import HoldRefunds
from schemas.records.payments import DisputeReported, PaymentChargebackReversed, PaymentChargedBack
from schemas.records.payments import TransactionStatus as Status
from schemas.records.settlement import DepositMatched, SettlementLineRecorded
from schemas.signs import settlement_sign
from streams.domain import disputes, payments
from streams.domain.disputes.case import LOST
from streams.domain.payments.state import Stage
from tests.support.builders import PAYMENT, observation, refund_linked
from tests.support.policies import DISPUTES, PAYMENTS
from tests.support.settlement import Account, bank, day, dispute, names, noon, statement

BACK, WON = Fact.DEBITED, Fact.CREDITED


class Line:
    """Disputes, settlement and payments together, each record routed by hand; cases and payments by their keys."""

    def __init__(self) -> None:
        self.account = Account()
        self.cases: dict[str, disputes.State] = {}
        self.payments: dict[str, payments.State] = {}
        self.recorded: list[DisputeRecorded] = []
        self.events: list[Any] = []
        self.holds: list[HoldRefunds] = []
        self.calendar = disputes.INITIAL
        self.warnings: list[Any] = []

    def report(self, *records: DisputeObserved) -> list[DisputeRecorded]:
        """Decide these facts; returns what their cases recorded."""
        before = len(self.recorded)
        for record in records:
            state = self.cases.get(record.dispute_case, disputes.INITIAL)
            for event in disputes.decide(state, record, DISPUTES):
                state = self.cases[record.dispute_case] = disputes.evolve(state, event)
                assert isinstance(event, DisputeRecorded)
                self.recorded.append(event)
                for output in disputes.route(state, event):
                    if isinstance(output.record, DisputeDeadlineSet):
                        self.watch(output.record)
                    elif isinstance(output.record, DisputeMoneyMoved):
                        self.account.report(output.record)
                    else:
                        self.pay(output.record)
        return self.recorded[before:]

    def pay(self, *records: Any) -> None:
        """Decide these observations of payments."""
        for record in records:
            key = record.paytrace_transaction_id
            for event in payments.decide(self.payments.get(key, payments.INITIAL), record, PAYMENTS):
                self.payments[key] = payments.evolve(self.payments.get(key, payments.INITIAL), event)
                self.events.append(event)
                routed = [output.record for output in payments.route(self.payments[key], event)]
                self.holds += [record for record in routed if isinstance(record, HoldRefunds)]

    def watch(self, *records: DisputeDeadlineSet | DayBegan) -> None:
        """Decide these records of the calendar."""
        for record in records:
            for event in disputes.decide(self.calendar, record, DISPUTES):
                self.calendar = disputes.evolve(self.calendar, event)
                if isinstance(event, DisputeDeadlineNear | DisputeDeadlinePassed):
                    self.warnings.append(event)

    @property
    def payment(self) -> payments.State:
        """The usual payment."""
        return self.payments[PAYMENT]

    @property
    def minor(self) -> int:
        """What the disputes did to the money between gateway and bank, by the lines of the account."""
        lines = self.account.of(SettlementLineRecorded)
        assert len({line.line_id for line in lines}) == len(lines)
        return sum(settlement_sign(line.kind) * line.amount_minor for line in lines if line.line_id.startswith("CB"))

    def case(self, dispute_id: str = "CB1") -> disputes.case.Case:
        """One case."""
        return self.cases[f"main/USD/{dispute_id}"].case


def named(fact: DisputeObserved, transaction: str | None = PAYMENT, **changes: Any) -> DisputeObserved:
    return replace(fact, paytrace_transaction_id=transaction, **changes)


def told(fact: Fact, on: int, **changes: Any) -> DisputeObserved:
    """A fact that moves no money."""
    return replace(dispute("CB1", 0, on, fact), **changes)


# -- money -------------------------------------------------------------------------------------------------------------


def test_a_dispute_that_flips_back_takes_the_money_again() -> None:
    line = Line()
    line.report(dispute("CB1", 100_00, 4))
    line.account.report(bank("b1", -100_00, 5))
    line.report(dispute("CB1", 100_00, 8, WON))
    line.account.report(bank("b2", 100_00, 9))
    line.report(dispute("CB1", 100_00, 12))
    line.account.report(bank("b3", -100_00, 13), statement(13))
    assert [match.line_ids for match in line.account.of(DepositMatched)] == [
        ("CB1:CHARGED_BACK",),
        ("CB1:CHARGEBACK_REVERSED",),
        ("CB1:CHARGED_BACK:2",),
    ]
    assert line.minor == -100_00


def test_flips_of_one_day_are_distinguished_by_number_or_by_reading() -> None:
    line = Line()
    numbered = [replace(dispute("CB1", 100_00, 4, fact), sequence=n) for n, fact in enumerate([BACK, WON, BACK])]
    line.report(*numbered, *numbered)
    assert line.minor == -100_00
    line = Line()
    read = [
        replace(fact, sequence=None, observed_at=noon(4) + timedelta(hours=hour)) for hour, fact in enumerate(numbered)
    ]
    line.report(*read)
    assert line.minor == -100_00


def test_a_source_read_again_says_nothing_new() -> None:
    line = Line()
    facts = [dispute("CB1", 100_00, 4), dispute("CB1", 100_00, 8, WON), dispute("CB1", 100_00, 12)]
    line.report(*facts)
    assert line.report(*(replace(fact, observed_at=noon(20)) for fact in facts)) == []


def test_a_corrected_amount_takes_the_place_of_the_wrong_one() -> None:
    line = Line()
    line.report(named(dispute("CB1", 100_00, 4)), named(dispute("CB1", 90_00, 4), observed_at=noon(6)))
    assert (line.minor, line.payments[PAYMENT].charged_back_minor) == (-90_00, 90_00)
    line.report(named(dispute("CB1", 100_00, 4)))  # the wrong file once more
    assert line.minor == -90_00


def test_part_of_it_given_back_leaves_the_rest_taken() -> None:
    line = Line()
    line.pay(observation(Status.SETTLED))
    line.report(named(dispute("CB1", 100_00, 4)), named(dispute("CB1", 40_00, 8, WON)))
    assert line.payment.charged_back_minor == 60_00
    assert line.payment.stage is Stage.PARTIALLY_CHARGED_BACK


def test_a_credit_whose_debit_never_came_is_money_at_the_bank_and_takes_nothing_from_the_payment() -> None:
    line = Line()
    line.report(named(dispute("CB1", 100_00, 8, WON)))
    assert (line.minor, line.payments) == (100_00, {})
    line.report(named(dispute("CB1", 100_00, 4)))  # it came late: both have moved now
    assert (line.minor, line.payments) == (0, {})


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


@pytest.mark.parametrize(
    "odd",
    [
        replace(dispute("CB1", 1, 5), amount_minor=-1),
        dispute("CB1", 0, 5),
        dispute("CB1", 1, 5, Fact.UNKNOWN),
        replace(dispute("CB1", 1, 5), dispute_case="main/USD/CB2"),
        replace(dispute("CB1", 1, 5), currency="EUR"),
        replace(dispute("CB1", 1, 5), entered_on=day(500)),
    ],
    ids=[
        "negative",
        "a debit of nothing",
        "unknown stage",
        "another case",
        "currency of another account",
        "days ahead",
    ],
)
def test_what_is_no_fact_is_parked_and_no_stage_is_guessed(odd: DisputeObserved) -> None:
    with pytest.raises(Unreadable, match="dispute main/USD/CB"):
        Line().report(odd)


# -- stages and deadlines ----------------------------------------------------------------------------------------------


def test_a_retrieval_request_moves_no_money_and_an_answer_ends_its_deadline() -> None:
    line = Line()
    line.report(told(Fact.RETRIEVAL_REQUESTED, 2, respond_by_on=day(12)))
    assert (line.case().stage, line.case().deadline_on, line.minor) == (Fact.RETRIEVAL_REQUESTED, day(12), 0)
    line.report(told(Fact.EVIDENCE_SUBMITTED, 10), told(Fact.CLOSED, 30))
    assert (line.case().stage, line.case().deadline_on) == (Fact.CLOSED, None)


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        ([(Fact.OPENED, 4), (BACK, 4)], Fact.OPENED),
        ([(BACK, 4)], Fact.DEBITED),
        ([(Fact.OPENED, 4), (BACK, 5), (Fact.WON, 20), (WON, 22)], Fact.WON),
        ([(Fact.OPENED, 4), (Fact.LOST, 20), (BACK, 22)], Fact.LOST),
        ([(BACK, 4), (Fact.WON, 20), (WON, 20), (Fact.LOST, 50), (BACK, 50)], Fact.LOST),
        ([(BACK, 4), (Fact.WON, 20), (WON, 20), (BACK, 50)], Fact.DEBITED),
        ([(BACK, 4), (Fact.LOST, 20), (WON, 30)], Fact.CREDITED),
        ([(BACK, 4), (Fact.LOST, 20), (Fact.WON, 30), (WON, 30)], Fact.WON),
        ([(BACK, 4), (Fact.EVIDENCE_SUBMITTED, 8), (WON, 20)], Fact.EVIDENCE_SUBMITTED),
        ([(BACK, 4), (WON, 20), (Fact.SECOND_CHARGEBACK, 40), (BACK, 40)], Fact.SECOND_CHARGEBACK),
        ([(BACK, 4), (Fact.EXPIRED, 20), (Fact.LOST, 20)], Fact.LOST),
        ([(BACK, 4), (Fact.PRE_ARBITRATION, 20), (Fact.ACCEPTED, 22)], Fact.ACCEPTED),
    ],
)
def test_the_stage_follows_the_last_fact_and_money_of_its_outcome_does_not_reopen_it(
    facts: Sequence[tuple[Fact, int]], stage: Fact
) -> None:
    observed = [dispute("CB1", 100_00, on, fact) for fact, on in facts]
    for order in (observed, observed[::-1]):
        line = Line()
        line.report(*order)
        assert line.case().stage is stage
        assert line.case().lost_minor == (line.case().charged_back_minor if stage in LOST else 0)


def test_a_later_fact_states_another_deadline() -> None:
    line = Line()
    line.report(told(Fact.OPENED, 4, respond_by_on=day(20)), told(Fact.EVIDENCE_SUBMITTED, 9))
    line.report(told(Fact.PRE_ARBITRATION, 40, respond_by_on=day(50)))
    assert line.recorded[-1].deadline_on == day(50)
    line.report(told(Fact.OPENED, 4, respond_by_on=day(25), observed_at=noon(45)))  # a correction of the first
    assert line.case().deadline_on == day(50)


def began(on: int) -> DayBegan:
    return DayBegan(calendar="deadlines", began_on=day(on), observed_at=noon(on))


def test_each_threshold_of_the_rules_warns_once_before_the_day_and_the_day_that_passed_is_reported_once() -> None:
    line = Line()
    line.report(named(told(Fact.OPENED, 0, amount_minor=60_00, respond_by_on=day(10))))
    line.watch(*(began(on) for on in (1, 2, 2, 3, 4, 8, 9, 10)))
    near = [(event.warn_days, event.days_left) for event in line.warnings]
    assert near == [(7, 7), (2, 2)]
    line.watch(began(11), began(12))
    passed = line.warnings[2:]
    assert [type(event).__name__ for event in passed] == ["DisputeDeadlinePassed"]
    assert (passed[0].dispute_id, passed[0].amount_minor, passed[0].paytrace_transaction_id) == ("CB1", 60_00, PAYMENT)


def test_an_answer_ends_the_warnings_and_a_new_deadline_begins_them_again() -> None:
    line = Line()
    line.report(told(Fact.OPENED, 0, respond_by_on=day(10)))
    line.watch(began(4))
    line.report(told(Fact.EVIDENCE_SUBMITTED, 5))
    line.watch(began(11))
    assert len(line.warnings) == 1
    line.report(told(Fact.PRE_ARBITRATION, 20, respond_by_on=day(25)))
    line.watch(began(24))
    assert [(event.warn_days, event.days_left) for event in line.warnings[1:]] == [(7, 5), (2, 1)]


def test_a_deadline_that_is_near_when_it_becomes_known_warns_at_once() -> None:
    line = Line()
    line.report(told(Fact.OPENED, 0, respond_by_on=day(2), observed_at=noon(1)))
    assert [(event.warn_days, event.days_left) for event in line.warnings] == [(2, 1)]


# -- what people state ------------------------------------------------------------------------------------------------


def stated(fact: Fact, **changes: Any) -> RecordDisputeFact:
    """What a person knows from a letter."""
    command = RecordDisputeFact(
        command_id="c1",
        dispute_case="main/USD/CB1",
        settlement_account="main/USD",
        dispute_id="CB1",
        fact=fact,
        amount_minor=0,
        currency="USD",
        reason_code="",
        entered_on=day(9),
        decided_by="maria",
        reason="sent by courier",
        occurred_at=noon(9),
    )
    return replace(command, **changes)


def decided(state: disputes.State, command: RecordDisputeFact) -> tuple[disputes.State, Any]:
    (event,) = disputes.decide(state, command, DISPUTES)
    return disputes.evolve(state, event), event


def test_a_person_states_a_fact_like_any_other_and_the_same_command_is_decided_once() -> None:
    line = Line()
    line.report(named(told(Fact.OPENED, 0, respond_by_on=day(10))))
    state, event = decided(line.cases["main/USD/CB1"], stated(Fact.EVIDENCE_SUBMITTED))
    assert (event.stage, event.deadline_on, event.origin) == (Fact.EVIDENCE_SUBMITTED, None, "person:maria")
    assert disputes.decide(state, stated(Fact.EVIDENCE_SUBMITTED), DISPUTES) == ()


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"fact": Fact.DEBITED}, "is no money"),
        ({"reason": "ok"}, "reason"),
        ({"dispute_id": "CB2"}, "not of its case"),
        ({"command_id": "c2", "fact": Fact.OPENED, "entered_on": day(0)}, "says so already"),
    ],
)
def test_what_a_person_states_is_refused_with_the_reason_and_never_parked(
    changes: dict[str, Any], because: str
) -> None:
    opened, _ = decided(disputes.INITIAL, stated(Fact.OPENED, entered_on=day(0), command_id="c0"))
    _, event = decided(opened, stated(**{"fact": Fact.EVIDENCE_SUBMITTED, **changes}))
    assert isinstance(event, DisputeFactRefused)
    assert because in event.refused_because


# -- any order ---------------------------------------------------------------------------------------------------------


@st.composite
def cases(draw: st.DrawFn) -> list[DisputeObserved]:
    """Facts of one dispute in their true order: days rise, or numbers within a day; facts and amounts as they like."""
    on, facts = 0, []
    kinds = [kind for kind in Fact if kind is not Fact.UNKNOWN]
    for number in range(draw(st.integers(1, 8))):
        on += draw(st.integers(0, 3))
        seen = dispute("CB1", draw(st.sampled_from([100_00, 60_00])), on, draw(st.sampled_from([*kinds, BACK, WON])))
        respond_by_on: date | None = draw(st.sampled_from([None, day(60), day(70)]))
        read_at = noon(30 + draw(st.integers(0, 3)))
        facts.append(named(seen, sequence=number, observed_at=read_at, respond_by_on=respond_by_on))
    return facts


def expected(facts: Sequence[DisputeObserved]) -> int:
    """What is left of the money by the last money fact: a credit gives back so much of the last debit."""
    money = [seen for seen in facts if seen.fact in (BACK, WON)]
    taken = next((seen.amount_minor for seen in reversed(money) if seen.fact is BACK), 0)
    if not money or money[-1].fact is BACK:
        return -taken
    return money[-1].amount_minor - taken


@settings(max_examples=150, deadline=None)
@given(cases(), st.data())
def test_any_order_and_repetition_of_the_facts_gives_the_same_case_and_the_same_money(
    facts: list[DisputeObserved], data: Any
) -> None:
    """Journal, account and payment say the same, and another delivery says nothing."""
    arriving = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts), max_size=4))))
    line, in_order = Line(), Line()
    for one, delivered in ((in_order, facts), (line, arriving)):
        one.pay(observation(Status.SETTLED))
        one.report(*delivered)
    assert line.case().facts == in_order.case().facts
    last = line.recorded[-1]
    assert (last.stage, last.lost_minor, last.deadline_on) == (
        in_order.case().stage,
        in_order.case().lost_minor,
        in_order.case().deadline_on,
    )
    assert line.minor == in_order.minor == expected(facts) == sum(event.moved_minor for event in line.recorded)
    assert line.payment.charged_back_minor == max(0, -expected(facts))
    assert reduce(disputes.evolve, line.recorded, disputes.INITIAL) == line.cases["main/USD/CB1"]
    assert line.report(*arriving) == []
    reported = [event for event in line.events if isinstance(event, PaymentChargedBack | PaymentChargebackReversed)]
    assert sum(event.amount_minor - event.previous_minor for event in reported) == line.payment.charged_back_minor


def test_a_repeated_report_changes_no_payment() -> None:
    (event,) = disputes.decide(disputes.INITIAL, named(dispute("CB1", 100_00, 4)), DISPUTES)
    moved, *_, reported = (output.record for output in disputes.route(disputes.INITIAL, event))
    assert isinstance(moved, DisputeMoneyMoved)
    assert moved.movement is DisputeMovement.CHARGED_BACK
    assert isinstance(reported, DisputeReported)
    state = reduce(payments.evolve, payments.decide(payments.INITIAL, reported, PAYMENTS), payments.INITIAL)
    assert payments.decide(state, reported, PAYMENTS) == ()
