"""A payment is valued once, by a rate that is young enough, or it waits and is answered by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.failures import Unreadable
from schemas.records.rates import (
    RateAnswered,
    RateAsked,
    RateAwaited,
    RateCorrected,
    RateKind,
    RateObserved,
    RateRecorded,
)
from streams.domain.rates import INITIAL, State, decide, evolve
from streams.domain.rates.policy import Policy
from tests.support.builders import at

POLICY = Policy(version=1, maximum_age_days=3, providers=("ecb", "json"))
DAY = date(2026, 3, 10)


def rate(text: str = "0.915", on: date = DAY, provider: str = "ecb", minute: int = 0, **more: Any) -> RateObserved:
    told: dict[str, Any] = {"currency_pair": "USD/EUR", "rate_on": on, "rate": text, "rate_provider": provider}
    return RateObserved(
        **{**told, "kind": RateKind.MEAN, "raw_kind": "mean", "raw": "{}", "observed_at": at(minute), **more}
    )


def asked(payment: str = "P1", on: date = DAY, minute: int = 0) -> RateAsked:
    about: dict[str, Any] = {"currency_pair": "USD/EUR", "amount_minor": 100_00, "currency": "USD", "value_on": on}
    return RateAsked(**about, paytrace_transaction_id=payment, occurred_at=at(minute))


def play(records: Sequence[Any], policy: Policy = POLICY, state: State = INITIAL) -> tuple[State, list[Any]]:
    events: list[Any] = []
    for record in records:
        new = decide(state, record, policy)
        state, events = reduce(evolve, new, state), [*events, *new]
    return state, events


def answers(events: Sequence[Any]) -> list[tuple[str, str, date]]:
    return [(one.paytrace_transaction_id, one.rate, one.rate_on) for one in events if isinstance(one, RateAnswered)]


def test_a_rate_of_the_day_answers_at_once() -> None:
    _, events = play([rate(), asked()])
    assert [type(event) for event in events] == [RateRecorded, RateAnswered]
    assert answers(events) == [("P1", "0.915", DAY)]


def test_fx_rate_too_old_waits_and_is_taken_up_again_with_its_own_day() -> None:
    state, events = play([rate("0.92", date(2026, 3, 4)), asked()])
    assert isinstance(events[-1], RateAwaited)
    assert (events[-1].newest_on, events[-1].maximum_age_days) == (date(2026, 3, 4), 3)
    assert list(state.waiting) == ["P1"]
    state, events = play([rate("0.915", minute=60)], state=state)
    assert answers(events) == [("P1", "0.915", DAY)]
    assert events[-1].value_on == DAY
    assert not state.waiting


def test_a_rate_of_a_later_day_values_nothing() -> None:
    state, events = play([asked(), rate(on=DAY + timedelta(days=1), minute=1)])
    assert not answers(events)
    assert list(state.waiting) == ["P1"]


@pytest.mark.parametrize(("age", "is_answered"), [(0, True), (3, True), (4, False)])
def test_a_rate_may_be_as_old_as_the_rules_say(age: int, is_answered: bool) -> None:
    _, events = play([rate(on=DAY - timedelta(days=age)), asked()])
    assert bool(answers(events)) is is_answered


def test_the_next_provider_stands_in_for_one_whose_rate_is_too_old() -> None:
    old, young = rate("1", DAY - timedelta(days=4)), rate("2", DAY - timedelta(days=1), "json")
    assert answers(play([old, young, asked()])[1]) == [("P1", "2", DAY - timedelta(days=1))]
    assert answers(play([rate("1", DAY - timedelta(days=3)), young, asked()])[1])[0][1] == "1"


def test_a_provider_that_the_rules_do_not_name_values_nothing() -> None:
    _, events = play([rate(provider="stranger"), asked()])
    assert not answers(events)
    assert events[-1].newest_on is None


def test_a_correction_is_a_record_and_moves_nothing_that_was_answered() -> None:
    _, events = play([rate("0.91"), asked("P1"), rate("0.92", minute=5), asked("P2")])
    assert [type(event) for event in events] == [RateRecorded, RateAnswered, RateCorrected, RateAnswered]
    assert (events[2].previous_rate, events[2].rate) == ("0.91", "0.92")
    assert answers(events) == [("P1", "0.91", DAY), ("P2", "0.92", DAY)]


def test_the_same_rate_again_or_an_older_reading_changes_nothing() -> None:
    state, _ = play([rate("0.91", minute=5)])
    assert decide(state, rate("0.9100", minute=9), POLICY) == ()
    assert decide(state, rate("0.99", minute=4), POLICY) == ()


def test_a_payment_that_asks_twice_waits_once() -> None:
    _, events = play([asked(), asked(minute=1)])
    assert [type(event) for event in events] == [RateAwaited]


def test_a_raised_age_counts_with_the_next_record_of_the_pair() -> None:
    state, _ = play([rate(on=DAY - timedelta(days=5)), asked()])
    _, events = play([rate(on=DAY - timedelta(days=9))], replace(POLICY, version=2, maximum_age_days=7), state)
    assert answers(events) == [("P1", "0.915", DAY - timedelta(days=5))]
    assert events[-1].rule_version == 2


def test_why_it_waits_is_told_again_when_that_is_news() -> None:
    _, events = play([asked(), rate(on=DAY - timedelta(days=9)), rate(on=DAY - timedelta(days=12))])
    assert [event.newest_on for event in events if isinstance(event, RateAwaited)] == [None, DAY - timedelta(days=9)]


@pytest.mark.parametrize(
    "wrong", [{"rate": "0"}, {"rate": "1,1"}, {"currency_pair": "USD"}, {"kind": RateKind.UNKNOWN}], ids=str
)
def test_what_is_no_rate_is_parked(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        decide(INITIAL, replace(rate(), **wrong), POLICY)


DAYS = st.integers(0, 8).map(lambda days: DAY - timedelta(days=days))
RECORDS = st.lists(
    st.builds(rate, st.sampled_from(["0.9", "0.91"]), DAYS, st.sampled_from(["ecb", "json"]), st.integers(0, 9))
    | st.builds(asked, st.sampled_from(["P1", "P2", "P3"]), st.just(DAY), st.integers(0, 9)),
    max_size=12,
)


@given(RECORDS)
def test_nobody_who_could_be_answered_waits_and_no_rate_is_too_old(records: Sequence[Any]) -> None:
    state, events = play(records)
    for _, _, day in answers(events):
        assert timedelta() <= DAY - day <= timedelta(days=3)
    oldest = (DAY - timedelta(days=3)).isoformat()
    young = [day for days in state.rates.values() for day in days if oldest <= day]
    assert not (state.waiting and young)
    asks = {record.paytrace_transaction_id for record in records if isinstance(record, RateAsked)}
    assert asks == set(state.waiting) | {name for name, _, _ in answers(events)}
