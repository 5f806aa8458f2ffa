"""What does each run of a subscription have to bring, and until when are there runs? From terms and what people did."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice, pairwise, takewhile

from schemas.records.subscriptions import (
    RecurrenceFrequency,
    RecurrenceObserved,
    RecurrenceStatus,
    SubscriptionChange,
    SubscriptionSet,
    SubscriptionStatus,
)
from schemas.values.exchange import share_of
from streams.domain.subscriptions.calendar import due_days, full_period_before, is_known, period_of
from streams.domain.subscriptions.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A run that is expected. Units: prorated_minor is what of amount_minor comes from parts of periods."""

    subscription_id: str
    due_on: date
    is_of_paytrace: bool
    merchant: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    prorated_minor: int = 0
    is_paused: bool = False
    is_skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One subscription: its runs up to the day, and the next one behind it."""

    subscription_id: str
    is_of_paytrace: bool
    status: SubscriptionStatus
    amount_minor: int
    currency: str
    frequency: RecurrenceFrequency
    run_count: int | None
    runs: tuple[Planned, ...]
    next_due_on: date | None
    credit_minor: int = 0
    description: str = ""


def plans(state: State, day: date) -> Iterator[Plan]:
    """Yield every subscription of the vault customer, as of a day."""
    for subscription_id in state.subscription_ids:
        if subscription_id in state.terms:
            yield _own(state, subscription_id, day)
        else:
            yield _of_paytrace(state, subscription_id, day)


def ended_on(state: State, subscription_id: str) -> date | None:
    """Return the day from which there are no more runs, as it was said last; None without end."""
    ends = [one.change_on for one in state.said(subscription_id) if one.change is SubscriptionChange.END]
    return None if not ends or ends[-1] == date.max else ends[-1]


def is_paused(state: State, subscription_id: str, on: date) -> bool:
    """Return whether runs that are due on a day are paused: by the newest word that counts from then or before."""
    words = [
        one
        for one in state.said(subscription_id)
        if one.change in (SubscriptionChange.PAUSE, SubscriptionChange.RESUME) and one.change_on <= on
    ]
    # Of one day the later word counts; of several the one that counts from the later day.
    newest = max(words, key=lambda one: (one.change_on, one.occurred_at, one.command_id), default=None)
    return newest is not None and newest.change is SubscriptionChange.PAUSE


def _is_skipped(state: State, subscription_id: str, due_on: date) -> bool:
    return state.last_said(subscription_id, due_on, SubscriptionChange.SKIP) is not None


def _own(state: State, subscription_id: str, day: date) -> Plan:
    settings = in_order(state.terms[subscription_id].values())
    first, last = settings[0], settings[-1]
    end = ended_on(state, subscription_id)
    days = _own_days(settings, day, end)
    adjusted = _adjustments(settings, days)
    runs = tuple(
        Planned(
            subscription_id=subscription_id,
            due_on=due_on,
            is_of_paytrace=False,
            merchant=terms.merchant,
            abas_customer_id=terms.abas_customer_id,
            amount_minor=max(0, terms.amount_minor + adjusted.get(due_on, 0)),
            currency=terms.currency,
            prorated_minor=adjusted.get(due_on, 0),
            is_paused=is_paused(state, subscription_id, due_on),
            is_skipped=_is_skipped(state, subscription_id, due_on),
        )
        for due_on in days
        for terms in (_terms_on(settings, due_on),)
    )
    ahead = next((due_on for due_on in days if due_on > day), None)
    return Plan(
        subscription_id=subscription_id,
        is_of_paytrace=False,
        status=_status(state, subscription_id, day, is_over=ahead is None),
        amount_minor=_terms_on(settings, max(day, first.start_on)).amount_minor,
        currency=last.currency,
        frequency=last.frequency,
        run_count=last.run_count,
        runs=runs,
        next_due_on=ahead,
        credit_minor=_credit(settings, end),
        description=last.description,
    )


def in_order(settings: Iterable[SubscriptionSet]) -> list[SubscriptionSet]:
    """Return settings of terms by the day from which they count, of one day the newest last."""
    return sorted(settings, key=lambda one: (one.effective_on, one.occurred_at, one.command_id))


def _terms_on(settings: Sequence[SubscriptionSet], on: date) -> SubscriptionSet:
    found = settings[0]
    for one in settings:
        if one.effective_on <= on:
            found = one
    return found


def _own_days(settings: Sequence[SubscriptionSet], day: date, end: date | None) -> list[date]:
    """Return the days of runs up to the first one behind a day. Days follow from the first terms that set them."""
    first, last = settings[0], settings[-1]
    days = due_days(first.start_on, first.frequency, first.anchor_day)
    if last.run_count is not None:
        days = islice(days, last.run_count)
    found: list[date] = []
    for due_on in days:
        if end is not None and due_on >= end:
            break
        found.append(due_on)
        if due_on > day:
            break
    return found


def _adjustments(settings: Sequence[SubscriptionSet], days: Sequence[date]) -> dict[date, int]:
    """Return what parts of periods add to runs: a first, shorter period, and prices that change within one.

    A run pays the period that it begins. A price that changes within a period is made good with the next run.
    """
    found: dict[date, int] = {}
    first = settings[0]
    if first.prorates and len(days) > 1 and first.anchor_day is not None:
        whole = full_period_before(days[1], first.frequency, first.anchor_day)
        if whole < days[0]:
            part = share_of(first.amount_minor, (days[1] - days[0]).days, (days[1] - whole).days)
            found[days[0]] = part - first.amount_minor
    for before, after in pairwise(settings):
        change = after.amount_minor - before.amount_minor
        if not after.prorates or not change or after.effective_on <= first.start_on:
            continue
        begins, ends = period_of(first.start_on, first.frequency, first.anchor_day, after.effective_on)
        if begins < after.effective_on < ends and ends in days:
            share = share_of(change, (ends - after.effective_on).days, (ends - begins).days)
            found[ends] = found.get(ends, 0) + share
    return found


def _credit(settings: Sequence[SubscriptionSet], end: date | None) -> int:
    """Return what the days of the last period after the end come to; 0 where nothing is prorated."""
    first = settings[0]
    if end is None or end <= first.start_on or not is_known(first.frequency):
        return 0
    terms = _terms_on(settings, end)
    begins, ends = period_of(first.start_on, first.frequency, first.anchor_day, end)
    if not terms.prorates or begins == end:
        return 0
    return share_of(terms.amount_minor, (ends - end).days, (ends - begins).days)


def _of_paytrace(state: State, subscription_id: str, day: date) -> Plan:
    """Return a recurrence of PayTrace: each day that it showed as its next charge is a run, and those between them."""
    seen = sorted(state.recurrences[subscription_id].values(), key=lambda one: (one.observed_at, repr(one)))
    newest = seen[-1]
    by_day: dict[date, RecurrenceObserved] = {}
    for one in seen:
        if one.next_on is not None:
            by_day[one.next_on] = one
    end = ended_on(state, subscription_id)
    days = [due_on for due_on in _paytrace_days(by_day, newest, day) if end is None or due_on < end]
    runs, shown_on = [], sorted(by_day)
    for due_on in days:
        terms = by_day[shown_on[max(bisect_right(shown_on, due_on) - 1, 0)]]
        runs.append(
            Planned(
                subscription_id=subscription_id,
                due_on=due_on,
                is_of_paytrace=True,
                merchant=terms.merchant,
                abas_customer_id="",
                amount_minor=terms.amount_minor,
                currency=terms.currency,
                is_paused=is_paused(state, subscription_id, due_on),
                is_skipped=_is_skipped(state, subscription_id, due_on),
            )
        )
    ahead = next((due_on for due_on in days if due_on > day), None)
    is_over = newest.status is RecurrenceStatus.COMPLETED
    return Plan(
        subscription_id=subscription_id,
        is_of_paytrace=True,
        status=_status(state, subscription_id, day, is_over=is_over),
        amount_minor=newest.amount_minor,
        currency=newest.currency,
        frequency=newest.frequency,
        run_count=newest.planned_count,
        runs=tuple(runs),
        next_due_on=ahead,
        description=newest.description,
    )


def _paytrace_days(by_day: dict[date, RecurrenceObserved], newest: RecurrenceObserved, day: date) -> list[date]:
    """Return the days that were shown, and those that passed between them or since, by frequency."""
    if not by_day:
        return []
    is_over = newest.status is RecurrenceStatus.COMPLETED
    shown = sorted(by_day)
    until = shown[-1] if is_over else max(shown[-1], day + timedelta(days=1))
    found = set(shown)
    for begin, end in zip(shown, [*shown[1:], until], strict=True):
        found.update(_days_between(begin, end, by_day[begin].frequency))
    if is_over:  # a completed one shows the day of its last run, or one that never comes
        found -= {due_on for due_on in found if due_on > day}
    return sorted(found)


def _days_between(begin: date, end: date, frequency: RecurrenceFrequency) -> Iterator[date]:
    """Yield the days of runs behind one and before another."""
    return takewhile(lambda due_on: due_on < end, islice(due_days(begin, frequency), 1, None))


def _status(state: State, subscription_id: str, day: date, *, is_over: bool) -> SubscriptionStatus:
    end = ended_on(state, subscription_id)
    if is_over or (end is not None and end <= day):
        return SubscriptionStatus.ENDED
    return SubscriptionStatus.PAUSED if is_paused(state, subscription_id, day) else SubscriptionStatus.ACTIVE
