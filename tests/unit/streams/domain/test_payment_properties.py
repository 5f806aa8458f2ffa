"""Whatever order and however often a transaction is seen: one end, one net amount, every money fact once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.identification import PaymentToIdentify
from schemas.records.payments import (
    AuthorizationRecorded,
    CaptureAmountChanged,
    CaptureRecorded,
    PaymentStatusRecognized,
    PaymentStatusUnrecognized,
    TransactionObserved,
)
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from schemas.records.settlement import MoneySettled
from streams.domain import payments as context
from streams.domain.payments.state import Fact, Stage, State
from tests.support.builders import SIGNS, Ledger, key_by, observation, refund_linked

# What these say is about the latest of all observations, so how many there are follows from their order.
ABOUT_THE_LATEST = (AuthorizationRecorded, CaptureAmountChanged, CaptureRecorded, PaymentStatusRecognized)
ONCE = {"PaymentCaptured", "CaptureReversed", "RefundIssued", "RefundReversed", "PaymentSettled", "PaymentAuthorized"}

payments = st.builds(
    observation,
    st.sampled_from(Status),
    st.sampled_from([0, 80_00, 90_00, 100_00]),
    minute=st.integers(0, 5),
    kind=st.sampled_from([Kind.SALE, Kind.AUTHORIZATION]),
)
ach_payments = st.builds(
    observation,
    st.sampled_from(Status),
    st.sampled_from([80_00, 100_00]),
    minute=st.integers(0, 5),
    kind=st.just(Kind.ACH_SALE),
)


def refunds(kind: Kind) -> st.SearchStrategy[TransactionObserved]:
    """The amount of a refund never changes in PayTrace; what happens when it does has its own test."""
    return st.builds(observation, st.sampled_from(Status), st.just(30_00), minute=st.integers(0, 5), kind=st.just(kind))


links = st.builds(refund_linked, st.sampled_from(["9", "10"]), st.just(30_00))
histories = st.one_of(
    st.lists(st.one_of(payments, links), max_size=8),
    st.lists(st.one_of(ach_payments, links), max_size=8),
    st.lists(refunds(Kind.REFUND), max_size=6),
    st.lists(refunds(Kind.ACH_REFUND), max_size=6),
)


def run(records: list[Any]) -> Ledger:
    return Ledger(context, key_by("paytrace_transaction_id")).given(*records)


def net(book: Ledger) -> int:
    return sum(SIGNS[sent.movement] * sent.amount_minor for sent in book.sent(PaymentToIdentify))


def settled_net(book: Ledger) -> int:
    return sum(SIGNS[sent.movement] * sent.amount_minor for sent in book.sent(MoneySettled))


def without_news(book: Ledger) -> dict[str, Any]:
    """States without what counts reports to orders, of which there are as many as there were changes."""
    return {key: replace(state, revision=0, is_news=False) for key, state in book.states.items()}


@st.composite
def shuffled_histories(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    history = draw(histories)
    repeats = draw(st.lists(st.sampled_from(history), max_size=5)) if history else []
    return history, draw(st.permutations(history + repeats))


@settings(max_examples=150)
@given(shuffled_histories())
def test_any_order_and_repetition_ends_the_same(histories: tuple[list[Any], list[Any]]) -> None:
    one, other = map(run, histories)
    assert without_news(one) == without_news(other)
    assert net(one) == net(other)
    if not any(state.contradictions for state in one.states.values()):
        assert settled_net(one) == settled_net(other)
    for book in (one, other):
        counts = Counter(type(event).__name__ for event in book.events)
        assert all(counts[name] <= 1 for name in ONCE)
    reported = [{type(e).__name__ for e in book.events if not isinstance(e, ABOUT_THE_LATEST)} for book in (one, other)]
    assert reported[0] == reported[1]


@settings(max_examples=150)
@given(histories)
def test_the_net_amount_is_what_the_state_says(history: list[Any]) -> None:
    book = run(history)
    for state in book.states.values():
        captured = 0 if Fact.CAPTURE_REVERSED in state.facts else state.captured_minor
        refunded = 0 if Fact.REFUND_REVERSED in state.facts else state.refund_minor
        assert net(book) == captured - refunded


@settings(max_examples=150)
@given(histories)
def test_no_movement_is_named_twice(history: list[Any]) -> None:
    ids = [sent.movement_id for sent in run(history).sent(PaymentToIdentify)]
    assert len(ids) == len(set(ids))
    lines = [sent.line_id for sent in run(history).sent(MoneySettled)]
    assert len(lines) == len(set(lines))


@settings(max_examples=100)
@given(histories, histories, st.randoms(use_true_random=False))
def test_transactions_do_not_touch_each_other(one: list[Any], other: list[Any], chance: Random) -> None:
    others = [replace(record, paytrace_transaction_id="another") for record in other]
    apart = (run(one), run(others))
    waiting, mixed = [list(one), list(others)], []
    while any(waiting):
        mixed.append(chance.choice([queue for queue in waiting if queue]).pop(0))
    together = run(mixed)
    assert together.states == apart[0].states | apart[1].states
    assert together.said_by_key == apart[0].said_by_key | apart[1].said_by_key


@settings(max_examples=150)
@given(histories)
def test_the_state_survives_the_local_store(history: list[Any]) -> None:
    for state in run(history).states.values():
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State) == state


@settings(max_examples=100)
@given(histories, histories)
def test_any_event_is_accepted_in_any_state(one: list[Any], other: list[Any]) -> None:
    state = next(iter(run(one).states.values()), context.INITIAL)
    for event in run(other).events:
        state = context.evolve(state, event)
        context.route(state, event)
        assert state.stage in Stage


# Readable or not: a status of another rail, an unknown kind, an amount that is none, a row in bits.
anything = st.builds(
    lambda seen, raw_amount, unreadable: replace(seen, raw_amount=raw_amount, unreadable=unreadable),
    st.one_of(payments, ach_payments, refunds(Kind.REFUND), refunds(Kind.UNKNOWN)),
    st.sampled_from([None, None, "12,50"]),
    st.sampled_from([None, None, None, "settled: soon"]),
)


def is_readable(seen: TransactionObserved) -> bool:
    """By a way of its own: what the first observation of a transaction is reported as."""
    return not any(isinstance(event, PaymentStatusUnrecognized) for event in run([seen]).events)


@settings(max_examples=200)
@given(st.lists(anything, min_size=1, max_size=7).flatmap(lambda seen: st.tuples(st.just(seen), st.permutations(seen))))
def test_a_transaction_waits_while_its_latest_observation_can_not_be_read(
    histories: tuple[list[TransactionObserved], list[TransactionObserved]],
) -> None:
    for history in histories:
        book = run(history)
        (state,) = book.states.values()
        last = max(seen.observed_at for seen in history)
        waits = any(not is_readable(seen) for seen in history if seen.observed_at == last)
        assert state.is_unrecognized is waits
        # A reader of the journal comes to the same by the latest of the two events.
        reported = [e for e in book.events if isinstance(e, PaymentStatusUnrecognized | PaymentStatusRecognized)]
        latest = max(reported, key=lambda e: (e.occurred_at, isinstance(e, PaymentStatusUnrecognized)), default=None)
        assert isinstance(latest, PaymentStatusUnrecognized) is waits


@settings(max_examples=100)
@given(st.lists(anything, max_size=6))
def test_what_can_not_be_read_is_never_money(history: list[TransactionObserved]) -> None:
    assert net(run(history)) == net(run([seen for seen in history if is_readable(seen)]))
