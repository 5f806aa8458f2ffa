"""Money in a foreign currency is valued once, before it goes anywhere; its movements sum to the value of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.records.identification import Movement, PaymentToIdentify
from schemas.records.payments import (
    PaymentValued,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
    ValuationAsked,
)
from schemas.records.rates import RateAnswered, RateAsked
from schemas.records.settlement import MoneySettled
from schemas.records.subscriptions import SubscriptionPaymentSeen
from streams.domain import payments
from streams.domain.payments.policy import Policy
from tests.support.builders import PAYMENT, at, observation
from tests.support.policies import PAYMENTS

BOOKS = replace(PAYMENTS, base_currency="EUR")
PENDING, SETTLED, VOIDED = TransactionStatus.PENDING_SETTLEMENT, TransactionStatus.SETTLED, TransactionStatus.VOIDED


def play(records: Sequence[Any], policy: Policy = BOOKS) -> tuple[payments.State, list[Any], list[Any]]:
    """Return the state, the events and what the other contexts hear."""
    state, events, heard = payments.INITIAL, [], []
    for record in records:
        for event in payments.decide(state, record, policy):
            state = payments.evolve(state, event)
            events.append(event)
            heard += [output.record for output in payments.route(state, event)]
    return state, events, heard


def booked(minor: int, base_minor: int, base: str = "EUR", **more: Any) -> TransactionObserved:
    return replace(observation(PENDING, minor, **more), booked_base_minor=base_minor, booked_base_currency=base)


def answer(rate: str = "0.915", minute: int = 50, pair: str = "USD/EUR") -> RateAnswered:
    about: dict[str, Any] = {"value_on": date(2026, 11, 20), "rate_on": date(2026, 11, 20), "rate_provider": "ecb"}
    return RateAnswered(
        currency_pair=pair, paytrace_transaction_id=PAYMENT, rate=rate, rule_version=1, occurred_at=at(minute), **about
    )


def movements(heard: Sequence[Any]) -> list[tuple[str, int, int | None]]:
    return [
        (one.movement.value, one.amount_minor, one.base_minor) for one in heard if isinstance(one, PaymentToIdentify)
    ]


def test_money_in_the_currency_of_the_books_is_its_own_value() -> None:
    _, events, heard = play([observation(PENDING, 100_00)], replace(PAYMENTS, base_currency="USD"))
    assert movements(heard) == [("CAPTURED", 100_00, 100_00)]
    assert not [event for event in events if isinstance(event, ValuationAsked | PaymentValued)]


def test_what_the_source_booked_goes_before_every_rate() -> None:
    _, events, heard = play([booked(100_00, 91_50), answer("0.5")])
    assert movements(heard) == [("CAPTURED", 100_00, 91_50)]
    (valued,) = (event for event in events if isinstance(event, PaymentValued))
    assert (valued.rate, valued.rate_on, valued.rate_provider) == ("91.50/100.00", None, "booked")
    assert not [one for one in heard if isinstance(one, RateAsked)]


def test_a_value_in_a_third_currency_is_of_no_use() -> None:
    _, _, heard = play([booked(100_00, 15_000, "JPY")])
    assert [type(one) for one in heard if not isinstance(one, SubscriptionPaymentSeen)] == [RateAsked]


def test_fx_rate_too_old_its_money_waits_and_goes_out_with_its_own_day() -> None:
    _, _, heard = play(
        [observation(PENDING, 100_00, minute=1), observation(SETTLED, 100_00, minute=2, settled_at=at(2))]
    )
    (asked,) = (one for one in heard if isinstance(one, RateAsked))
    assert (asked.currency_pair, asked.amount_minor, asked.value_on) == ("USD/EUR", 100_00, date(2026, 11, 20))
    state, _, heard = play(
        [
            observation(PENDING, 100_00, minute=1),
            observation(SETTLED, 100_00, minute=2, settled_at=at(2), batch=7),
            answer(),
            answer("0.5", minute=60),
        ]
    )
    assert movements(heard) == [("CAPTURED", 100_00, 91_50)]
    (moved,) = (one for one in heard if isinstance(one, PaymentToIdentify))
    (settled,) = (one for one in heard if isinstance(one, MoneySettled))
    assert (moved.value_on, moved.occurred_at, moved.base_currency) == (date(2026, 11, 20), at(1), "EUR")
    assert (settled.base_minor, settled.batch_number, settled.settled_at) == (91_50, 7, at(2))
    assert state.valuation is not None


def test_an_answer_to_another_question_values_nothing() -> None:
    _, _, heard = play([observation(PENDING, 100_00), answer(pair="USD/GBP")])
    assert not movements(heard)


def test_a_booked_value_that_comes_while_the_money_waits_ends_the_waiting() -> None:
    _, _, heard = play([observation(PENDING, 100_00), booked(100_00, 92_00, minute=3)])
    assert movements(heard) == [("CAPTURED", 100_00, 92_00)]


def test_a_refund_has_a_rate_of_its_own() -> None:
    refund = replace(
        observation(PENDING, 100_00, kind=TransactionKind.REFUND), booked_base_minor=140_00, booked_base_currency="CAD"
    )
    assert movements(play([refund], replace(PAYMENTS, base_currency="CAD"))[2]) == [("REFUNDED", 100_00, 140_00)]


def test_a_void_takes_back_the_value_that_came_in() -> None:
    steps = [observation(PENDING, 3_33, minute=1), answer("0.3333"), observation(VOIDED, 3_33, minute=60)]
    assert movements(play(steps)[2]) == [("CAPTURED", 3_33, 1_11), ("VOIDED", 3_33, 1_11)]


def signed(heard: Sequence[Any], field: str) -> int:
    signs = {Movement.CAPTURED: 1, Movement.AMOUNT_INCREASED: 1, Movement.AMOUNT_DECREASED: -1, Movement.VOIDED: -1}
    return sum(signs[one.movement] * getattr(one, field) for one in heard if isinstance(one, PaymentToIdentify))


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=6),
    st.integers(0, 6),
    st.booleans(),
    st.sampled_from(["0.915", "1/1.0857", "936.29", "0.0062"]),
)
def test_whenever_the_rate_comes_the_values_of_all_movements_sum_to_that_of_what_is_left(
    amounts: list[int], place: int, is_voided: bool, rate: str
) -> None:
    steps: list[Any] = [observation(PENDING, minor, minute=number) for number, minor in enumerate(amounts, 1)]
    steps += [observation(VOIDED, amounts[-1], minute=58)] if is_voided else []
    early = play([*steps[:1], *steps[1:][:place], answer(rate), *steps[1:][place:]])[2]
    at_once = play([steps[0], answer(rate), *steps[1:]])[2]
    assert movements(early) == movements(at_once)
    left = 0 if is_voided else amounts[-1]
    assert signed(early, "amount_minor") == left
    whole = play([observation(PENDING, left, minute=1), answer(rate)])[2] if left else []
    assert signed(early, "base_minor") == signed(whole, "base_minor")


def test_a_state_with_waiting_money_survives_the_local_store() -> None:
    import msgspec

    state = reduce(
        payments.evolve, payments.decide(payments.INITIAL, observation(PENDING, 1_00), BOOKS), payments.INITIAL
    )
    assert state.held
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=payments.State) == state
