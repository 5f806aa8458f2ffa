"""Runs of subscriptions: expected, missed, paid, declined, tried again; and that the order of facts does not count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.erp import SaveRecord
from schemas.records.gateway import PaymentRequestKind, RequestGatewayCall
from schemas.records.payments import NextStep, PaymentMethod, TransactionKind
from schemas.records.subscriptions import (
    ChangeSubscription,
    DunningBlockWanted,
    PaymentSeen,
    RecurrenceFrequency,
    RecurrenceObserved,
    RecurrenceStatus,
    RunChargeAsked,
    RunChargeEnded,
    RunDunning,
    RunStatus,
    SetSubscription,
    SubscriptionChange,
    SubscriptionChanged,
    SubscriptionCommandRefused,
    SubscriptionDayBegan,
    SubscriptionDayReached,
    SubscriptionPaymentSeen,
    SubscriptionWatchAsked,
)
from schemas.topic import Topic
from streams.domain import subscriptions
from streams.domain.subscriptions import INITIAL, State, evolve, route
from streams.domain.subscriptions.decider import CALENDAR
from streams.domain.subscriptions.policy import Policy
from streams.rules.catalogue import dunning_policy
from tests.support.policies import DUNNING_RULES

START = date(2026, 12, 31)
RUN = START.isoformat()
VAULT = "C-1"
DECLINES_DAYS, MOST_DECLINES = DUNNING_RULES.declines_days, DUNNING_RULES.most_declines


def at(day: date, hour: int = 17) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def day(on: date) -> SubscriptionDayReached:
    return SubscriptionDayReached(vault_customer_id=VAULT, began_on=on, occurred_at=at(on, 9))


def terms(amount_minor: int = 2495, **changed: Any) -> SetSubscription:
    given_terms = SetSubscription(
        command_id="set-1",
        vault_customer_id=VAULT,
        subscription_id="S-1",
        merchant="main",
        abas_customer_id="70001",
        amount_minor=amount_minor,
        currency="USD",
        frequency=RecurrenceFrequency.MONTHLY,
        start_on=START,
        anchor_day=None,
        run_count=None,
        effective_on=START,
        prorates=True,
        description="Maintenance",
        decided_by="e.dupont",
        authenticated_by="session",
        approved_by=None,
        reason="contract 77 was signed",
        occurred_at=at(date(2026, 12, 1)),
    )
    return replace(given_terms, **changed)


def change(what: SubscriptionChange, on: date, number: int = 1, **changed: Any) -> ChangeSubscription:
    said = ChangeSubscription(
        command_id=f"{what.value}-{on}-{number}",
        vault_customer_id=VAULT,
        subscription_id="S-1",
        change=what,
        change_on=on,
        decided_by="e.dupont",
        authenticated_by="session",
        approved_by=None,
        reason="customer asked for it by phone",
        occurred_at=at(date(2026, 12, 2)),
    )
    return replace(said, **changed)


def recurrence(next_on: date, seen_on: date, amount_minor: int = 2495, name: str = "R-9") -> RecurrenceObserved:
    return RecurrenceObserved(
        vault_customer_id=VAULT,
        recurrence_id=name,
        merchant="main",
        status=RecurrenceStatus.ACTIVE,
        raw_status="",
        kind=TransactionKind.SALE,
        raw_kind="Sale",
        method=PaymentMethod.CARD,
        raw_method="C",
        amount_minor=amount_minor,
        currency="USD",
        frequency=RecurrenceFrequency.MONTHLY,
        raw_frequency="3",
        next_on=next_on,
        raw_next="",
        planned_count=None,
        charged_count=0,
        description="",
        observed_at=at(seen_on),
        raw="{}",
    )


def payment(
    number: str,
    on: date,
    seen: PaymentSeen = PaymentSeen.CAPTURED,
    step: NextStep = NextStep.UNKNOWN,
    amount_minor: int = 2495,
    invoice: str | None = None,
    again_on: date | None = None,
) -> SubscriptionPaymentSeen:
    return SubscriptionPaymentSeen(
        vault_customer_id=VAULT,
        paytrace_transaction_id=number,
        seen=seen,
        amount_minor=amount_minor,
        currency="USD",
        invoice_number=invoice,
        happened_on=on,
        next_step=step,
        code="51" if step is NextStep.AGAIN else "41" if step is NextStep.STOP else "",
        meaning="a code",
        again_on=again_on,
        occurred_at=at(on),
    )


def refused(asked: RunChargeAsked, on: date, code: str = "102") -> RunChargeEnded:
    return replace(done(asked, on, ""), is_done=False, result_transaction_id=None, code=code, message="was declined")


def done(asked: RunChargeAsked, on: date, number: str) -> RunChargeEnded:
    return RunChargeEnded(
        vault_customer_id=VAULT,
        call_reference=asked.call_reference,
        is_done=True,
        result_transaction_id=number,
        code="101",
        message="approved",
        ended_on=on,
        occurred_at=at(on, 18),
    )


class Customer:
    """One vault customer, as the agent keeps it."""

    def __init__(self, *records: Any, policy: Policy = DUNNING_RULES) -> None:
        self.state = INITIAL
        self.policy = policy
        self.asked: list[RunChargeAsked] = []
        self.take(*records)

    def take(self, *records: Any) -> list[Any]:
        events: list[Any] = []
        for record in records:
            decided = subscriptions.decide(self.state, record, self.policy)
            self.state = reduce(evolve, decided, self.state)
            events += decided
        self.asked += [event for event in events if isinstance(event, RunChargeAsked)]
        return events

    def run(self, on: date = START, name: str = "S-1") -> Any:
        return self.state.runs[f"{on.isoformat()} {name}"]

    def declined(self, on: date, step: NextStep, number: str = "1") -> None:
        asked = self.asked[-1]
        self.take(refused(asked, on))
        self.take(payment(number, on, PaymentSeen.DECLINED, step, asked.amount_minor, asked.call_reference))


def after(days: int) -> date:
    return START + timedelta(days=days)


# -- runs of our own --------------------------------------------------------------------------------------------------


def test_a_run_is_expected_charged_on_its_day_and_paid() -> None:
    here = Customer(terms(), day(after(-1)))
    assert here.run().status is RunStatus.EXPECTED
    assert here.asked == []
    here.take(day(START))
    (asked,) = here.asked
    assert (asked.amount_minor, asked.attempt, asked.due_on, asked.is_by_person) == (2495, 1, START, False)
    assert here.run().status is RunStatus.CHARGING
    assert here.take(day(START)) == []
    here.take(done(asked, START, "900"), payment("900", START, invoice=asked.call_reference))
    assert (here.run().status, here.run().paytrace_transaction_id, here.run().linked_by) == (
        RunStatus.PAID,
        "900",
        "reference",
    )
    assert here.state.shown["S-1"].next_due_on == date(2027, 1, 31)


def test_a_charge_is_a_gateway_call_on_the_vault_customer() -> None:
    here = Customer(terms(), day(START))
    (output,) = route(here.state, here.asked[0])
    assert output.topic == Topic.GATEWAY_COMMANDS
    assert isinstance(output.record, RequestGatewayCall)
    assert (output.record.subject, output.record.kind) == (f"vault/{VAULT}", PaymentRequestKind.CHARGE)
    assert output.record.invoice_number is None
    assert len(output.record.call_reference) <= 50


def test_a_soft_decline_is_tried_again_in_its_windows_and_given_up() -> None:
    here = Customer(terms(), day(START))
    here.declined(START, NextStep.AGAIN)
    assert (here.run().status, here.run().next_try_on) == (RunStatus.RETRYING, after(3))
    here.take(day(after(2)))
    assert len(here.asked) == 1
    for number, days in enumerate((3, 8, 15), start=2):
        here.take(day(after(days)))
        assert len(here.asked) == number
        here.declined(after(days), NextStep.AGAIN, str(number))
    assert here.run().status is RunStatus.NEEDS_PERSON
    assert "given up after 4 tries" in here.run().why
    here.take(day(after(29)))
    assert len(here.asked) == 4


def test_the_code_says_when_the_next_try_may_be() -> None:
    here = Customer(terms(), day(START))
    asked = here.asked[0]
    decline = payment(
        "1", START, PaymentSeen.DECLINED, NextStep.AGAIN, invoice=asked.call_reference, again_on=after(10)
    )
    here.take(refused(asked, START), decline, day(after(9)))
    assert (here.run().next_try_on, len(here.asked)) == (after(10), 1)
    here.take(day(after(10)))
    assert len(here.asked) == 2


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (NextStep.STOP, RunStatus.NEEDS_CARD),
        (NextStep.CORRECT, RunStatus.NEEDS_CARD),
        (NextStep.AUTHORISE, RunStatus.NEEDS_CARD),
        (NextStep.OTHER_WAY, RunStatus.NEEDS_CARD),
        (NextStep.PERSON, RunStatus.NEEDS_PERSON),
        (NextStep.UNKNOWN, RunStatus.NEEDS_PERSON),
    ],
)
def test_what_is_no_soft_decline_is_never_tried_again_by_itself(step: NextStep, status: RunStatus) -> None:
    here = Customer(terms(), day(START))
    here.declined(START, step)
    here.take(*(day(after(days)) for days in range(1, 29)))
    assert here.run().status is status
    assert len(here.asked) == 1


def test_after_never_again_no_other_run_is_charged_until_a_payment_came() -> None:
    here = Customer(terms(), day(START))
    here.declined(START, NextStep.STOP)
    here.take(day(date(2027, 1, 31)))
    assert here.run(date(2027, 1, 31)).status is RunStatus.NEEDS_CARD
    here.take(payment("77", date(2027, 2, 1), amount_minor=100))
    here.take(day(date(2027, 2, 2)))
    assert here.run(date(2027, 1, 31)).status is RunStatus.CHARGING


def test_a_refusal_without_a_code_waits_a_day_for_it_and_then_for_a_person() -> None:
    here = Customer(terms(), day(START))
    here.take(refused(here.asked[0], START))
    assert here.run().status is RunStatus.DECLINED
    here.take(day(after(1)))
    assert here.run().status is RunStatus.NEEDS_PERSON
    assert len(here.asked) == 1


def test_held_charges_ask_for_another_card() -> None:
    here = Customer(terms(), day(START))
    here.take(refused(here.asked[0], START, "charges-held"))
    assert here.run().status is RunStatus.NEEDS_CARD


def test_an_outcome_that_is_not_known_is_never_charged_over() -> None:
    here = Customer(terms(), day(START))
    here.take(*(day(after(days)) for days in range(1, 30)))
    assert len(here.asked) == 1
    assert here.run().status is RunStatus.CHARGING
    assert "not known yet" in here.run().why
    refusal = here.take(change(SubscriptionChange.RETRY, START))
    assert isinstance(refusal[0], SubscriptionCommandRefused)


def test_declines_of_the_card_are_capped_over_all_runs() -> None:
    elsewhere = [
        payment(f"x{n}", after(-1), PaymentSeen.DECLINED, NextStep.AGAIN, 700 + n) for n in range(MOST_DECLINES)
    ]
    here = Customer(terms(), *elsewhere, day(START))
    assert here.asked == []
    assert (here.run().status, here.run().next_try_on) == (RunStatus.RETRYING, after(DECLINES_DAYS - 1))
    here.take(day(after(6)))
    assert here.asked == []


def test_a_run_that_came_too_late_is_left_to_a_person() -> None:
    here = Customer(terms(), day(after(DUNNING_RULES.charge_late_days + 1)))
    assert here.asked == []
    assert here.run().status is RunStatus.NEEDS_PERSON
    here.take(change(SubscriptionChange.RETRY, START))
    assert [asked.is_by_person for asked in here.asked] == [True]


def test_a_person_retries_once_for_each_word() -> None:
    here = Customer(terms(), day(START))
    here.declined(START, NextStep.CORRECT)
    here.take(change(SubscriptionChange.RETRY, START))
    assert len(here.asked) == 2
    here.declined(START, NextStep.CORRECT, "2")
    here.take(day(after(1)), change(SubscriptionChange.RETRY, START))
    assert len(here.asked) == 2
    here.take(change(SubscriptionChange.RETRY, START, 2))
    assert len(here.asked) == 3


def test_paid_by_other_means_stops_it() -> None:
    here = Customer(terms(), day(START))
    here.declined(START, NextStep.AGAIN)
    here.take(change(SubscriptionChange.PAID_OTHERWISE, START), day(after(3)))
    assert here.run().status is RunStatus.PAID_OTHERWISE
    assert len(here.asked) == 1
    other = Customer(terms(), day(START))
    other.declined(START, NextStep.AGAIN)
    other.take(payment("88", after(2)), day(after(3)))
    assert (other.run().status, other.run().linked_by) == (RunStatus.PAID, "amount, later")
    assert len(other.asked) == 1


def test_a_bank_debit_that_comes_back_opens_its_run_again() -> None:
    here = Customer(terms(), day(START))
    asked = here.asked[0]
    here.take(done(asked, START, "ach"), payment("ach", START, invoice=asked.call_reference))
    here.take(payment("ach", after(3), PaymentSeen.RETURNED, NextStep.AGAIN, invoice=asked.call_reference))
    assert (here.run().status, here.run().next_try_on) == (RunStatus.RETRYING, after(6))
    here.take(day(after(6)))
    assert len(here.asked) == 2


# -- pause, skip, end, price, parts of periods -------------------------------------------------------------------------


def test_pause_skip_and_end() -> None:
    here = Customer(terms(), day(after(-1)))
    here.take(change(SubscriptionChange.SKIP, START), day(START))
    assert (here.run().status, here.asked) == (RunStatus.SKIPPED, [])
    here.take(change(SubscriptionChange.PAUSE, date(2027, 1, 15)), day(date(2027, 1, 31)))
    assert (here.run(date(2027, 1, 31)).status, here.asked) == (RunStatus.PAUSED, [])
    assert here.state.shown["S-1"].status.value == "PAUSED"
    here.take(change(SubscriptionChange.RESUME, date(2027, 2, 10)), day(date(2027, 2, 28)))
    assert [asked.due_on for asked in here.asked] == [date(2027, 2, 28)]
    here.take(change(SubscriptionChange.END, date(2027, 3, 10)))
    assert here.run(date(2027, 3, 31)).status is RunStatus.CANCELLED
    here.take(day(date(2027, 4, 30)))
    assert here.state.shown["S-1"].status.value == "ENDED"
    assert len(here.asked) == 1


@pytest.mark.parametrize(
    ("first", "second", "effective_on", "amounts"),
    [
        (3000, 6000, "2027-01-31", [3000, 6000, 6000]),  # from the day of a run on: nothing to make good
        (3100, 6200, "2027-01-15", [3100, 7800, 6200]),  # 16 of 31 days at 3100 more
        (6200, 3100, "2027-01-15", [6200, 1500, 3100]),  # the same days, less
        (3100, 6200, "2027-01-01", [3100, 9200, 6200]),  # all but one day
        (9000, 1000, "2027-01-01", [9000, 0, 1000]),  # less than nothing is nothing
    ],
)
def test_a_price_that_changes_within_a_period_is_made_good_with_the_next_run(
    first: int, second: int, effective_on: str, amounts: list[int]
) -> None:
    changed = terms(
        second, command_id="set-2", effective_on=date.fromisoformat(effective_on), occurred_at=at(date(2026, 12, 20))
    )
    here = Customer(terms(first), changed, day(START))
    here.take(day(date(2027, 1, 31)), day(date(2027, 2, 28)))
    days = [START, date(2027, 1, 31), date(2027, 2, 28)]
    assert [here.run(on).amount_minor for on in days] == amounts


def test_without_proration_a_price_counts_from_the_next_run() -> None:
    changed = terms(6200, command_id="set-2", effective_on=date(2027, 1, 15), prorates=False)
    here = Customer(terms(3100), changed, day(date(2027, 1, 31)))
    assert here.run(date(2027, 1, 31)).amount_minor == 6200


def test_a_short_first_period_is_charged_by_its_days() -> None:
    here = Customer(terms(3000, start_on=date(2026, 12, 21), anchor_day=31), day(date(2026, 12, 21)))
    # 10 of the 31 days from 30 November to 31 December.
    assert (here.run(date(2026, 12, 21)).amount_minor, here.asked[0].amount_minor) == (968, 968)
    assert here.run(date(2026, 12, 31)).amount_minor == 3000


def test_an_end_within_a_period_is_a_credit_that_a_person_decides_about() -> None:
    here = Customer(terms(3100), day(START), change(SubscriptionChange.END, date(2027, 1, 15)))
    assert here.state.shown["S-1"].credit_minor == 1600


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"amount_minor": 0}, "above zero"),
        ({"frequency": RecurrenceFrequency.UNKNOWN}, "frequency UNKNOWN is none"),
        ({"anchor_day": 32}, "1 to 31"),
        ({"run_count": 0}, "leave it out"),
        ({"start_on": date(2026, 11, 30)}, "lies in the past"),
        ({"subscription_id": "a/b"}, "without a slash"),
        ({"reason": ""}, ""),
    ],
)
def test_terms_that_can_not_be_followed_are_refused(changed: dict[str, Any], said: str) -> None:
    (event,) = Customer().take(terms(**changed))
    assert isinstance(event, SubscriptionCommandRefused)
    assert said in event.refused_because


def test_the_same_terms_again_change_nothing() -> None:
    changed = terms(6200, command_id="set-2", effective_on=date(2027, 1, 15), occurred_at=at(date(2027, 1, 10)))
    here = Customer(terms(3100), day(date(2027, 1, 10)), changed, day(date(2027, 1, 31)))
    before = picture(here.state)
    here.take(replace(changed, command_id="set-3", effective_on=START, occurred_at=at(date(2027, 2, 1))))
    assert picture(here.state) == before
    (event,) = here.take(terms(99, command_id="set-4", occurred_at=at(date(2027, 2, 1))))
    assert "lies in the past; terms change from today on" in event.refused_because


def test_a_change_of_what_is_not_there_names_what_is() -> None:
    here = Customer(terms(), day(START))
    (event,) = here.take(change(SubscriptionChange.PAUSE, START, subscription_id="S-2"))
    assert event.refused_because == f"vault customer {VAULT} has no subscription S-2; it has S-1"
    (event,) = here.take(change(SubscriptionChange.SKIP, after(5)))
    assert "no run of S-1 is due on 2027-01-05" in event.refused_because


# -- recurrences of PayTrace -------------------------------------------------------------------------------------------


def test_a_run_of_paytrace_that_did_not_happen_is_noticed_the_next_day() -> None:
    here = Customer(recurrence(START, after(-9)), day(START))
    assert here.run(name="R-9").status is RunStatus.EXPECTED
    here.take(payment("5", START, amount_minor=1999), day(after(1)))
    assert here.run(name="R-9").status is RunStatus.MISSED
    assert "19.99" in here.run(name="R-9").why
    here.take(payment("6", after(1)))
    assert (here.run(name="R-9").status, here.run(name="R-9").linked_by) == (RunStatus.PAID, "amount and day")


def test_runs_that_passed_while_nobody_looked_are_expected_all_the_same() -> None:
    here = Customer(recurrence(START, after(-9)), recurrence(date(2027, 3, 31), date(2027, 3, 1)))
    here.take(day(date(2027, 3, 2)), payment("1", START), payment("3", date(2027, 2, 28)))
    found = {key[:10]: run.status for key, run in here.state.runs.items()}
    assert found == {
        "2026-12-31": RunStatus.PAID,
        "2027-01-31": RunStatus.MISSED,
        "2027-02-28": RunStatus.PAID,
        "2027-03-31": RunStatus.EXPECTED,
    }


def test_saldo_charges_no_run_of_paytrace_unasked() -> None:
    here = Customer(recurrence(START, after(-9)), day(START))
    here.take(payment("5", START, PaymentSeen.DECLINED, NextStep.AGAIN), *(day(after(n)) for n in range(1, 29)))
    assert (here.run(name="R-9").status, here.asked) == (RunStatus.NEEDS_PERSON, [])
    here.take(change(SubscriptionChange.RETRY, START, subscription_id="R-9"))
    assert [asked.is_by_person for asked in here.asked] == [True]


def test_two_recurrences_of_one_amount_and_day_take_one_payment_each() -> None:
    here = Customer(recurrence(START, after(-9)), recurrence(START, after(-9), name="R-8"), day(after(1)))
    here.take(payment("5", START))
    assert sorted(run.status for key, run in here.state.runs.items() if key.startswith(RUN)) == ["MISSED", "PAID"]
    here.take(payment("6", START))
    runs = [run for key, run in here.state.runs.items() if key.startswith(RUN)]
    assert {run.paytrace_transaction_id for run in runs} == {"5", "6"}


def test_a_second_payment_of_one_run_is_seen() -> None:
    here = Customer(recurrence(START, after(-9)), day(after(1)), payment("5", START), payment("6", after(1)))
    assert (here.run(name="R-9").status, here.run(name="R-9").why) == (
        RunStatus.PAID,
        "perhaps paid twice, also by 6",
    )


# -- the calendar ----------------------------------------------------------------------------------------------------


def test_each_day_is_passed_on_to_every_vault_customer_once() -> None:
    state: State = INITIAL
    began = SubscriptionDayBegan(calendar=CALENDAR, began_on=START, observed_at=at(START))
    watch = SubscriptionWatchAsked(calendar=CALENDAR, vault_customer_id=VAULT, occurred_at=at(START))
    outputs: list[Any] = []
    for record in (watch, watch, began, began):
        for event in subscriptions.decide(state, record, DUNNING_RULES):
            state = evolve(state, event)
            outputs += route(state, event)
    assert [output.record for output in outputs] == [
        SubscriptionDayReached(vault_customer_id=VAULT, began_on=START, occurred_at=at(START))
    ]


def dunning(on: date, number: int = 1) -> RunDunning:
    return RunDunning(
        command_id=f"dun-{on}-{number}",
        calendar=CALENDAR,
        run_on=on,
        decided_by="schedules",
        authenticated_by="key",
        approved_by=None,
        reason="daily dunning run",
        occurred_at=at(on, 19),
    )


def test_a_dunning_run_is_passed_on_and_counts_once_however_often_it_is_asked_for() -> None:
    state: State = INITIAL
    heard: list[Any] = []
    began = SubscriptionDayBegan(calendar=CALENDAR, began_on=START, observed_at=at(START))
    watch = SubscriptionWatchAsked(calendar=CALENDAR, vault_customer_id=VAULT, occurred_at=at(START))
    for record in (began, watch, dunning(START), dunning(START), dunning(START, 2)):
        for event in subscriptions.decide(state, record, DUNNING_RULES):
            state = evolve(state, event)
            heard += [output.record for output in route(state, event)]
    assert [one.dunned_on for one in heard] == [None, START, START]
    here = Customer(terms(), *heard[:2])
    assert here.take(heard[2]) == []
    late: Any
    (late,) = subscriptions.decide(state, dunning(after(1)), DUNNING_RULES)
    assert (late.refused_because, route(evolve(state, late), late)) == (
        f"the day {after(1)} has not begun; {START} is the newest",
        (),
    )


def test_where_the_rules_say_so_a_try_waits_for_the_dunning_run_of_its_day_and_a_first_charge_does_not() -> None:
    here = Customer(terms(), day(START), policy=replace(DUNNING_RULES, waits_for_dunning=True))
    assert len(here.asked) == 1
    here.declined(START, NextStep.AGAIN)
    here.take(replace(day(after(2)), dunned_on=after(2)), day(after(5)))
    assert len(here.asked) == 1
    assert here.run().why == "51 a code; tried by a dunning run"
    here.take(replace(day(after(5)), dunned_on=after(3)))  # the one of two days ago, caught up
    assert [asked.asked_on for asked in here.asked] == [START, after(5)]


@pytest.mark.parametrize("tries", [(), (1,), (2, 2, 2, 2, 2)])
def test_rules_say_how_often_and_when_a_run_is_tried_again(tries: tuple[int, ...]) -> None:
    text = f"{{version: 2, retry_after_days: {list(tries)}, retry: daily, declines: {{most: 9, within_days: 30}}, "
    here = Customer(terms(), day(START), policy=dunning_policy(text + "charge_late_days: 7}"))
    here.declined(START, NextStep.AGAIN)
    on = START
    for number, days in enumerate(tries, start=2):
        here.take(day(on + timedelta(days=days - 1)))
        assert len(here.asked) == number - 1
        on += timedelta(days=days)
        here.take(day(on))
        here.declined(on, NextStep.AGAIN, str(number))
    assert (here.run().status, len(here.asked)) == (RunStatus.NEEDS_PERSON, 1 + len(tries))


BLOCKING = replace(DUNNING_RULES, blocks=frozenset({RunStatus.RETRYING, RunStatus.NEEDS_CARD}))


def blocks(events: list[Any]) -> list[tuple[bool, str]]:
    return [(one.is_wanted, one.run) for one in events if isinstance(one, DunningBlockWanted)]


def test_abas_is_asked_not_to_dun_while_a_run_is_tried_again_and_to_go_on_once_it_is_paid() -> None:
    here = Customer(terms(), policy=BLOCKING)
    assert blocks(here.take(day(START))) == []
    asked = here.asked[-1]
    assert blocks(here.take(refused(asked, START))) == []  # its code is not known yet
    said = here.take(payment("1", START, PaymentSeen.DECLINED, NextStep.AGAIN, invoice=asked.call_reference))
    assert blocks(said) == [(True, f"S-1 {START}")]
    assert blocks(here.take(day(after(3)))) == []  # being charged again, it stays blocked
    again = here.asked[-1]
    assert blocks(here.take(refused(again, after(3)))) == []
    hard = payment("2", after(3), PaymentSeen.DECLINED, NextStep.STOP, invoice=again.call_reference)
    assert blocks(here.take(hard)) == []
    assert blocks(here.take(change(SubscriptionChange.PAID_OTHERWISE, START))) == [(False, "")]


def test_nothing_is_blocked_where_the_rules_name_no_status() -> None:
    here = Customer(terms(), day(START))
    here.declined(START, NextStep.AGAIN)
    assert here.state.blocks == {}


def test_a_customer_of_abas_is_blocked_while_one_of_its_vault_customers_wants_it() -> None:
    state: State = INITIAL
    written: list[tuple[str, str]] = []
    for vault, run in (("C-1", "S-1 2026-12-31"), ("C-2", "S-9 2026-12-31"), ("C-1", ""), ("C-1", ""), ("C-2", "")):
        said = DunningBlockWanted(
            vault_customer_id=vault, abas_customer_id="at/70001", is_wanted=bool(run), run=run, occurred_at=at(START)
        )
        for event in subscriptions.decide(state, said, BLOCKING):
            state = evolve(state, event)
            (output,) = route(state, event)
            assert isinstance(output.record, SaveRecord)
            assert (output.topic, output.record.kind) == (Topic.ERP_COMMANDS, "dunning_block")
            assert (output.record.subject, output.record.values["number"]) == ("at/70001", "at/70001")
            written.append((output.record.values["dunning_block"], output.record.values["reason"]))
    assert written == [
        ("BLOCKED", "C-1/S-1 2026-12-31"),
        ("BLOCKED", "C-1/S-1 2026-12-31, C-2/S-9 2026-12-31"),
        ("BLOCKED", "C-2/S-9 2026-12-31"),
        ("RELEASED", ""),
    ]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["soft", "hard", "paid", "wait"]), max_size=12))
def test_a_block_is_wanted_just_while_a_run_is_unpaid_after_a_decline(fates: list[str]) -> None:
    here = Customer(terms(), day(START), policy=BLOCKING)
    for days, fate in enumerate(fates, start=1):
        opened = [one for one in here.asked if one.call_reference not in here.state.ended]
        if fate == "wait" or not opened:
            here.take(day(after(days)))
        elif fate == "paid":
            here.take(done(opened[0], after(days), f"t{days}"))
        else:
            here.declined(after(days), NextStep.STOP if fate == "hard" else NextStep.AGAIN, f"t{days}")
    tries = [run for run in here.state.runs.values() if run.attempt_count and run.status is not RunStatus.PAID]
    is_failed = any(run.status in BLOCKING.blocks or run.attempt_count > 1 for run in tries)
    given_up = all(run.status is RunStatus.NEEDS_PERSON for run in tries)
    assert bool(here.state.blocks.get("70001")) == (is_failed and not given_up)


# -- any order -------------------------------------------------------------------------------------------------------


def picture(state: State) -> Any:
    """All that is known, without when each thing was published."""
    moment = at(START)
    return (
        state.day,
        {key: replace(run, occurred_at=moment) for key, run in state.runs.items() if run.status != "CANCELLED"},
        {key: replace(one, occurred_at=moment) for key, one in state.shown.items()},
    )


FACTS = [
    *(recurrence(on, on - timedelta(days=20)) for on in (START, date(2027, 1, 31), date(2027, 2, 28))),
    recurrence(START, after(-3), amount_minor=2600),
    *(recurrence(date(2027, 1, 31), date(2027, 1, 2), name=name) for name in ("R-8", "R-7")),
    payment("1", START, amount_minor=2600),
    payment("2", date(2027, 1, 31)),
    payment("3", date(2027, 1, 31), PaymentSeen.DECLINED, NextStep.AGAIN),
    payment("3", date(2027, 1, 31), PaymentSeen.UNCLEAR),
    payment("4", date(2027, 2, 1)),
    payment("5", date(2027, 2, 1), PaymentSeen.DECLINED, NextStep.STOP),
    payment("2", date(2027, 2, 20), PaymentSeen.RETURNED, NextStep.PERSON),
    payment("6", date(2027, 2, 25)),
    payment("7", date(2027, 2, 27), amount_minor=100),
    *(day(on) for on in (after(-1), START, date(2027, 1, 31), date(2027, 2, 1), date(2027, 3, 2))),
]


@settings(max_examples=25, deadline=None)
@given(st.permutations(FACTS), st.lists(st.sampled_from(FACTS), max_size=6))
def test_any_order_and_repetition_of_facts_ends_in_the_same_picture(order: list[Any], again: list[Any]) -> None:
    assert picture(Customer(*order, *again).state) == picture(Customer(*FACTS).state)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_comes_no_run_is_charged_while_one_is_open_or_paid_nor_more_than_the_cap(data: st.DataObject) -> None:
    here = Customer(terms(), day(after(-1)))
    paid: set[date] = set()
    open_: dict[date, RunChargeAsked] = {}
    declines: list[date] = []
    stopped = False
    for days in range(60):
        here.take(day(after(days)))
        for asked in here.asked:
            if asked.asked_on == after(days) and asked.due_on not in open_ and asked.due_on not in paid:
                assert not stopped
                recent = [one for one in declines if (after(days) - one).days < DECLINES_DAYS]
                assert len(recent) < MOST_DECLINES
                open_[asked.due_on] = asked
        for due_on, asked in tuple(open_.items()):
            fate = data.draw(st.sampled_from(["silence", "paid", "soft", "hard"]))
            if fate == "silence":
                continue
            del open_[due_on]
            number = f"t{len(here.asked)}"
            if fate == "paid":
                paid.add(due_on)
                events = [done(asked, after(days), number), payment(number, after(days), invoice=asked.call_reference)]
            else:
                stopped |= fate == "hard"
                declines.append(after(days))
                step = NextStep.STOP if fate == "hard" else NextStep.AGAIN
                seen = payment(number, after(days), PaymentSeen.DECLINED, step, invoice=asked.call_reference)
                events = [refused(asked, after(days)), seen]
            here.take(*data.draw(st.permutations(events)))
            if fate == "paid":
                stopped = False
    references = [asked.call_reference for asked in here.asked]
    assert len(references) == len(set(references))
    assert set(here.state.asked) == set(references)


def test_the_journal_gives_the_same_state_as_the_records() -> None:
    here = Customer()
    events = here.take(terms(), *FACTS, change(SubscriptionChange.PAUSE, date(2027, 3, 1)))
    assert reduce(evolve, events, INITIAL) == here.state
    assert any(isinstance(event, SubscriptionChanged) for event in events)
