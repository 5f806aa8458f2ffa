"""Exchange rates of one currency pair, and the payments that wait for one. Rules of agent `keep-rates`.

What protects the money:

- a payment is valued once, by the newest rate up to its value date that is young enough; what comes later, a
  correction too, moves nothing that was answered;
- without such a rate it waits, visibly, and is answered by the rate that makes it possible: its value date stays;
- a rate of a later day than the money is never used.

A rate that a provider publishes again changes nothing; a changed one is a correction, and counts from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Any, TypeAlias, assert_never

from schemas.failures import Unreadable
from schemas.records.by_topic import RatesEvents, RatesInbox
from schemas.records.rates import (
    RateAnswered,
    RateAsked,
    RateAwaited,
    RateCorrected,
    RateKind,
    RateObserved,
    RateRecorded,
)
from schemas.topic import Topic
from schemas.values.exchange import currencies_of, parse_rate
from schemas.values.replacing import replace
from streams.domain.output import Output
from streams.domain.rates.policy import Policy

Event: TypeAlias = RateRecorded | RateCorrected | RateAwaited | RateAnswered
AGENT = "keep-rates"


@dataclass(frozen=True, slots=True)
class Known:
    """The rate of one day by one provider, and when it was read."""

    rate: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """A payment that waits for a rate; newest_on and maximum_age_days are what was last reported of it."""

    value_on: date
    amount_minor: int
    currency: str
    newest_on: date | None = None
    maximum_age_days: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """One pair. Shapes: rates by provider and day (2026-11-20), waiting by transaction in order of arrival."""

    rates: dict[str, dict[str, Known]] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)

    def newest(self, provider: str, on: date) -> date | None:
        """Return the day of the newest rate of this provider up to a day."""
        days = (day for day in self.rates.get(provider, ()) if day <= on.isoformat())
        return date.fromisoformat(newest) if (newest := max(days, default="")) else None

    def known(self, provider: str, on: date) -> Known | None:
        """Return the rate of this provider of a day."""
        return self.rates.get(provider, {}).get(on.isoformat())


INITIAL = State()


def decide(state: State, record: RatesInbox, policy: Policy) -> tuple[Event, ...]:
    """Return what follows from a rate or from a payment that asks for one.

    Ensures: a rate that is known, or read earlier than what is known of its day, is not recorded again; every
             waiting payment for which the rules in force allow a rate is answered, in order of arrival.
    Raises:  Unreadable for a pair or a rate that is none.
    """
    match record:
        case RateObserved():
            told = _recorded(state, record)
            known, at = reduce(evolve, told, state), record.observed_at
            return told + tuple(_of_waiting(known, known.waiting, record.currency_pair, policy, at))
        case RateAsked():
            _refuse_unreadable_pair(record.currency_pair)
            asked = Waiting(record.value_on, record.amount_minor, record.currency)
            waiting = {record.paytrace_transaction_id: asked, **state.waiting}
            return tuple(_of_waiting(state, waiting, record.currency_pair, policy, record.occurred_at))
        case _:
            assert_never(record)


def evolve(state: State, event: RatesEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case RateRecorded() | RateCorrected():
            days = state.rates.get(event.rate_provider, {})
            known = {**days, event.rate_on.isoformat(): Known(event.rate, event.observed_at)}
            return replace(state, rates={**state.rates, event.rate_provider: known})
        case RateAwaited():
            waits = Waiting(event.value_on, event.amount_minor, event.currency, event.newest_on, event.maximum_age_days)
            return replace(state, waiting={**state.waiting, event.paytrace_transaction_id: waits})
        case RateAnswered():
            left = {one: waits for one, waits in state.waiting.items() if one != event.paytrace_transaction_id}
            return replace(state, waiting=left)
        case _:
            assert_never(event)


def route(_state: State, event: RatesEvents) -> tuple[Output, ...]:
    """Return each answer, for the payment that asked."""
    return (Output(Topic.PAYMENTS_OBSERVATIONS, event),) if isinstance(event, RateAnswered) else ()


def _refuse_unreadable_pair(pair: str) -> None:
    try:
        currencies_of(pair)
    except ValueError as error:
        raise Unreadable(str(error)) from None


def _recorded(state: State, seen: RateObserved) -> tuple[Event, ...]:
    """Return what is new of a rate."""
    _refuse_unreadable_pair(seen.currency_pair)
    if seen.kind is RateKind.UNKNOWN:
        raise Unreadable(f"kind is UNKNOWN; write which of the rates of {seen.rate_provider} it is, such as MEAN")
    known = state.known(seen.rate_provider, seen.rate_on)
    try:
        is_same = parse_rate(seen.rate) == (parse_rate(known.rate) if known else None)
    except ValueError as error:
        raise Unreadable(f"rate of {seen.rate_provider}: {error}") from None
    about: dict[str, Any] = {
        "currency_pair": seen.currency_pair,
        "rate_on": seen.rate_on,
        "rate": seen.rate,
        "rate_provider": seen.rate_provider,
        "kind": seen.kind,
        "observed_at": seen.observed_at,
        "occurred_at": seen.observed_at,
    }
    if known is None:
        return (RateRecorded(**about),)
    if is_same or seen.observed_at < known.observed_at:
        return ()
    return (RateCorrected(previous_rate=known.rate, **about),)


def _of_waiting(
    state: State, waiting: Mapping[str, Waiting], pair: str, policy: Policy, at: datetime
) -> Iterator[Event]:
    """Yield the answer of each payment that can be valued now, and why another one waits where that is news."""
    for transaction_id, waits in waiting.items():
        newest = [(one, day) for one in policy.providers if (day := state.newest(one, waits.value_on)) is not None]
        oldest = waits.value_on - timedelta(days=policy.maximum_age_days)
        young = next(((one, day) for one, day in newest if day >= oldest), None)
        about: dict[str, Any] = {
            "currency_pair": pair,
            "paytrace_transaction_id": transaction_id,
            "value_on": waits.value_on,
            "rule_version": policy.version,
            "occurred_at": at,
        }
        if young is not None:
            provider, day = young
            rate = state.rates[provider][day.isoformat()].rate
            yield RateAnswered(**about, rate=rate, rate_on=day, rate_provider=provider)
            continue
        newest_on = max((day for _, day in newest), default=None)
        told = replace(waits, newest_on=newest_on, maximum_age_days=policy.maximum_age_days)
        if state.waiting.get(transaction_id) != told:
            yield RateAwaited(
                **about,
                amount_minor=waits.amount_minor,
                currency=waits.currency,
                newest_on=newest_on,
                maximum_age_days=policy.maximum_age_days,
            )
