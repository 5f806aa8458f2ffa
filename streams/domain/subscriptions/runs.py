"""What became of each run? Payments meet runs, and the last try of a run decides what may follow.

What protects the payer's money: a run whose outcome is not known is never charged; a run is paid once one payment of it
stands; a code that says never is never tried again by itself; and tries are counted over all runs of the card.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from schemas.records.payments import NextStep
from schemas.records.subscriptions import (
    PaymentSeen,
    RunChargeAsked,
    RunChargeEnded,
    RunStatus,
    SubscriptionChange,
    SubscriptionPaymentSeen,
)
from schemas.values.money import shown
from schemas.values.replacing import replace
from streams.domain.subscriptions.policy import Policy
from streams.domain.subscriptions.state import State, run_key
from streams.domain.subscriptions.terms import Plan, Planned

# PayTrace runs at 12:30 a.m. Pacific; a day of another zone may be the one before, and a decline is seen later.
_EARLIEST_DAYS: Final = -1
_LATEST_DAYS: Final = 2
_PAID_LATER_DAYS: Final = 60
_HELD: Final = "charges-held"
_STOPPED: Final = "a code of this card says never again; another card is needed"

_NEEDS_CARD: Final = frozenset({NextStep.STOP, NextStep.OTHER_WAY, NextStep.AUTHORISE, NextStep.CORRECT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment of the vault customer. is_live while its money is there."""

    transaction_id: str
    happened_on: date
    amount_minor: int
    currency: str
    invoice_number: str | None
    is_live: bool
    is_unclear: bool
    failed: SubscriptionPaymentSeen | None


class _Card:
    """What all payments of the vault customer say of its card."""

    def __init__(self, payments: Sequence[Payment], policy: Policy) -> None:
        self.payments = payments
        self.policy = policy
        failed = [one.failed for one in payments if one.failed is not None]
        self._declines = sorted(one.happened_on for one in failed)
        stopped = max((one.happened_on for one in failed if one.next_step is NextStep.STOP), default=None)
        came = max((one.happened_on for one in payments if one.is_live), default=date.min)
        # A code said never again, and no payment came since.
        self.is_stopped = stopped is not None and came <= stopped

    def may_try_on(self, on: date) -> date:
        """Return the first day from a day on when another try stays within the cap."""
        return self.policy.within_cap(self._declines, on)


@dataclass(slots=True, kw_only=True)
class _Tried:
    """What was tried for one run."""

    payments: list[tuple[Payment, str]] = field(default_factory=list)
    charges: list[RunChargeAsked] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run stands. charge is who asks for a charge now: rule or person; empty when nobody does."""

    run: Planned
    status: RunStatus
    attempt_count: int = 0
    transaction_id: str | None = None
    linked_by: str = ""
    next_try_on: date | None = None
    why: str = ""
    charge: str = ""
    charge_count: int = 0


def outcomes(state: State, known: Sequence[Plan], day: date, policy: Policy) -> tuple[Outcome, ...]:
    """Return how each run stands on a day, in order of day and subscription."""
    runs = sorted((run for plan in known for run in plan.runs), key=lambda run: (run.due_on, run.subscription_id))
    payments = [_payment(seen.values()) for seen in state.payments.values()]
    payments.sort(key=lambda one: (one.happened_on, one.transaction_id))
    tried = _tried(state, runs, payments)
    card = _Card(payments, policy)
    return tuple(
        replace(
            _outcome(state, run, tried[_key(run)], card, day),
            attempt_count=_count(tried[_key(run)]),
            charge_count=len(tried[_key(run)].charges),
        )
        for run in runs
    )


def _count(tried: _Tried) -> int:
    """Return how often a run was tried: charges of ours, and payments that are none of them."""
    return len(tried.charges) + sum(how != "reference" for _, how in tried.payments)


def may_try_on(state: State, day: date, policy: Policy) -> date:
    """Return the first day from a day on when another try stays within the cap of the card."""
    return _Card([_payment(seen.values()) for seen in state.payments.values()], policy).may_try_on(day)


def _payment(seen: Iterable[SubscriptionPaymentSeen]) -> Payment:
    by_kind = {one.seen: one for one in seen}
    first = min(by_kind.values(), key=lambda one: (one.happened_on, repr(one)))
    came = by_kind.get(PaymentSeen.CAPTURED)
    failed = by_kind.get(PaymentSeen.RETURNED) or by_kind.get(PaymentSeen.DECLINED) or by_kind.get(PaymentSeen.REVERSED)
    shown_by = came or first
    return Payment(
        transaction_id=first.paytrace_transaction_id,
        happened_on=shown_by.happened_on,
        amount_minor=shown_by.amount_minor,
        currency=shown_by.currency,
        invoice_number=next((one.invoice_number for one in by_kind.values() if one.invoice_number), None),
        is_live=came is not None and failed is None,
        is_unclear=came is None and failed is None,
        failed=failed,
    )


def _key(run: Planned) -> str:
    return run_key(run.subscription_id, run.due_on)


def _tried(state: State, runs: Sequence[Planned], payments: Sequence[Payment]) -> dict[str, _Tried]:
    """Return what was tried for each run: by our reference, else by amount and day, else paid later."""
    found = {_key(run): _Tried() for run in runs}
    references: dict[str, str] = {}
    for reference, asked in state.asked.items():
        key = run_key(asked.subscription_id, asked.due_on)
        references[reference] = key
        if key in found:
            found[key].charges.append(asked)
    results = {end.result_transaction_id: end.call_reference for end in state.ended.values() if end.is_done}
    left: list[Payment] = []
    for one in payments:
        named = one.invoice_number or ""
        reference = named if named in references else results.get(one.transaction_id, "")
        if reference not in references:
            left.append(one)
        elif references[reference] in found:
            found[references[reference]].payments.append((one, "reference"))
    left = _by_day(found, [run for run in runs if run.is_of_paytrace], left)
    _paid_later(found, runs, left)
    return found


def _by_day(found: dict[str, _Tried], runs: Sequence[Planned], left: Sequence[Payment]) -> list[Payment]:
    """Link payments to runs of PayTrace, the nearest first. A second one that stands may have paid the run twice."""
    pairs = sorted(
        (
            (abs((one.happened_on - run.due_on).days), run.due_on, run.subscription_id, one.happened_on, number)
            for number, one in enumerate(left)
            for run in runs
            if (one.amount_minor, one.currency) == (run.amount_minor, run.currency)
            and _EARLIEST_DAYS <= (one.happened_on - run.due_on).days <= _LATEST_DAYS
        )
    )
    taken: set[int] = set()
    # One payment for each run first, so that two runs of one amount and day get one each.
    for is_second in (False, True):
        for _, due_on, subscription_id, _, number in pairs:
            tried = found[run_key(subscription_id, due_on)]
            has_one = bool(tried.payments)
            if number not in taken and (is_second or not has_one):
                tried.payments.append((left[number], "amount and day"))
                taken.add(number)
    return [one for number, one in enumerate(left) if number not in taken]


def _paid_later(found: dict[str, _Tried], runs: Sequence[Planned], left: Sequence[Payment]) -> None:
    """Let a later payment of the same amount pay a run that was declined; the oldest run first."""
    free = [one for one in left if one.is_live]
    for run in runs:
        tried = found[_key(run)]
        failed = [one.happened_on for one, _ in tried.payments if one.failed is not None]
        if not failed or any(one.is_live for one, _ in tried.payments):
            continue
        for one in free:
            days = (one.happened_on - run.due_on).days
            is_same = (one.amount_minor, one.currency) == (run.amount_minor, run.currency)
            if is_same and one.invoice_number is None and one.happened_on >= min(failed) and days <= _PAID_LATER_DAYS:
                tried.payments.append((one, "amount, later"))
                free.remove(one)
                break


def _outcome(state: State, run: Planned, tried: _Tried, card: _Card, day: date) -> Outcome:
    ends = [state.ended[asked.call_reference] for asked in tried.charges if asked.call_reference in state.ended]
    opened = [asked for asked in tried.charges if asked.call_reference not in state.ended]
    paid = [(one, how) for one, how in tried.payments if one.is_live]
    if paid:
        (first, how), *more = paid
        twice = f"perhaps paid twice, also by {', '.join(one.transaction_id for one, _ in more)}" if more else ""
        return Outcome(run=run, status=RunStatus.PAID, transaction_id=first.transaction_id, linked_by=how, why=twice)
    fallen = {one.transaction_id for one, _ in tried.payments if one.failed is not None}
    done = next((end for end in ends if end.is_done and end.result_transaction_id not in fallen), None)
    if done is not None:
        return Outcome(run=run, status=RunStatus.PAID, transaction_id=done.result_transaction_id, linked_by="reference")
    said = state.last_said(run.subscription_id, run.due_on, SubscriptionChange.PAID_OTHERWISE)
    if said is not None:
        return Outcome(run=run, status=RunStatus.PAID_OTHERWISE, why=f"{said.decided_by}: {said.reason}")
    if opened:
        why = "its outcome is not known yet; nothing is charged until it is" if opened[0].asked_on < day else ""
        return Outcome(run=run, status=RunStatus.CHARGING, why=why)
    unclear = next((one for one, _ in tried.payments if one.is_unclear), None)
    if unclear is not None:
        why = f"PayTrace shows transaction {unclear.transaction_id} in words that nobody knows; look there first"
        return Outcome(run=run, status=RunStatus.NEEDS_PERSON, why=why)
    return _unpaid(state, run, tried, ends, card, day)


def _unpaid(
    state: State,
    run: Planned,
    tried: _Tried,
    ends: Sequence[RunChargeEnded],
    card: _Card,
    day: date,
) -> Outcome:
    """How a run stands that nothing has paid, and of which no outcome is open."""
    asked_by_person = _asks(state, run, tried)
    failed = [one for one, _ in tried.payments if one.failed is not None]
    if not failed and not ends:
        return _untried(run, card, day, asked_by_person)
    policy = card.policy
    outcome = _after_failure(run, failed, ends, day, _count(tried), policy)
    if outcome.status is RunStatus.RETRYING and run.is_paused:
        return Outcome(run=run, status=RunStatus.PAUSED, why=outcome.why)
    may_from = card.may_try_on(day)
    if asked_by_person and outcome.status is not RunStatus.DECLINED:
        if may_from <= day:
            return Outcome(run=run, status=outcome.status, why=outcome.why, charge="person")
        return Outcome(run=run, status=RunStatus.RETRYING, next_try_on=may_from, why=policy.why_capped)
    if outcome.next_try_on is None:
        return outcome
    if card.is_stopped:
        return Outcome(run=run, status=RunStatus.NEEDS_CARD, why=_STOPPED)
    next_on = card.may_try_on(outcome.next_try_on)
    why = outcome.why if next_on == outcome.next_try_on else f"{outcome.why}; {policy.why_capped}"
    if not policy.waits_for_dunning:
        is_due = next_on <= day
    else:  # the dunning run of a day makes the tries that may be made on that day or before
        is_due = state.dunned_on is not None and next_on <= min(state.dunned_on, day)
        why = f"{why}; tried by a dunning run" if not is_due else why
    return Outcome(run=run, status=RunStatus.RETRYING, next_try_on=next_on, why=why, charge="rule" if is_due else "")


def _untried(run: Planned, card: _Card, day: date, asked_by_person: bool) -> Outcome:
    if run.is_skipped:
        return Outcome(run=run, status=RunStatus.SKIPPED)
    if run.is_paused:
        return Outcome(run=run, status=RunStatus.PAUSED)
    if run.due_on > day:
        return Outcome(run=run, status=RunStatus.EXPECTED)
    if run.is_of_paytrace:
        if day == run.due_on:
            return Outcome(run=run, status=RunStatus.EXPECTED)
        if asked_by_person:
            return Outcome(run=run, status=RunStatus.MISSED, charge="person")
        return Outcome(run=run, status=RunStatus.MISSED, why=_missed(run, card.payments))
    if run.amount_minor == 0:
        return Outcome(run=run, status=RunStatus.SKIPPED, why="nothing is to be paid")
    if asked_by_person:
        return Outcome(run=run, status=RunStatus.EXPECTED, charge="person")
    late_days = card.policy.charge_late_days
    if (day - run.due_on).days > late_days:
        why = f"was not charged within {late_days} days of its day; `saldo subscriptions retry` charges it"
        return Outcome(run=run, status=RunStatus.NEEDS_PERSON, why=why)
    if card.is_stopped:
        return Outcome(run=run, status=RunStatus.NEEDS_CARD, why=_STOPPED)
    may_from = card.may_try_on(day)
    if may_from > day:
        return Outcome(run=run, status=RunStatus.RETRYING, next_try_on=may_from, why=card.policy.why_capped)
    return Outcome(run=run, status=RunStatus.EXPECTED, charge="rule")


def _after_failure(
    run: Planned, failed: Sequence[Payment], ends: Sequence[RunChargeEnded], day: date, tries: int, policy: Policy
) -> Outcome:
    """How a run stands after its last try failed, the cap aside."""
    references = {one.invoice_number for one in failed}
    ids = {one.transaction_id for one in failed}
    uncoded = [end for end in ends if end.call_reference not in references and end.result_transaction_id not in ids]
    last_day = max((one.failed.happened_on for one in failed if one.failed is not None), default=date.min)
    if uncoded and uncoded[-1].ended_on >= last_day:
        newest = max(uncoded, key=lambda end: (end.ended_on, end.call_reference))
        said = f"{newest.code} {newest.message}".strip()
        if newest.code == _HELD:
            return Outcome(run=run, status=RunStatus.NEEDS_CARD, why=said)
        if day <= newest.ended_on:
            return Outcome(run=run, status=RunStatus.DECLINED, why=f"{said}; its code is not known yet")
        return Outcome(run=run, status=RunStatus.NEEDS_PERSON, why=f"{said}; no code says what may follow")
    newest_failed = max(
        failed, key=lambda one: (one.failed.happened_on if one.failed else date.min, one.transaction_id)
    )
    seen = newest_failed.failed
    assert seen is not None, "only failed payments are given"
    said = f"{seen.code} {seen.meaning}".strip() or "the payment was reversed"
    if seen.next_step in _NEEDS_CARD:
        why = f"{said}; ask for another card or for what must be corrected"
        return Outcome(run=run, status=RunStatus.NEEDS_CARD, why=why)
    if seen.next_step is not NextStep.AGAIN:
        return Outcome(run=run, status=RunStatus.NEEDS_PERSON, why=f"{said}; a person decides")
    if run.is_of_paytrace:
        from_on = f" from {seen.again_on} on" if seen.again_on else ""
        why = f"{said}; whether PayTrace tries again is not documented, so `saldo subscriptions retry`{from_on}"
        return Outcome(run=run, status=RunStatus.NEEDS_PERSON, why=why)
    if tries > len(policy.retry_after_days):
        return Outcome(run=run, status=RunStatus.NEEDS_PERSON, why=f"{said}; given up after {tries} tries")
    next_on = seen.happened_on + timedelta(days=policy.retry_after_days[tries - 1])
    next_on = max(next_on, seen.again_on or next_on)
    return Outcome(run=run, status=RunStatus.RETRYING, next_try_on=next_on, why=said)


def _asks(state: State, run: Planned, tried: _Tried) -> bool:
    """Whether a person asked for a charge of this run that was not asked of PayTrace yet."""
    said = [
        one
        for one in state.said(run.subscription_id)
        if one.change is SubscriptionChange.RETRY and one.change_on == run.due_on
    ]
    return len(said) > sum(asked.is_by_person for asked in tried.charges)


def _missed(run: Planned, payments: Sequence[Payment]) -> str:
    others = [
        f"{shown(one.amount_minor, one.currency)} on {one.happened_on} ({one.transaction_id})"
        for one in payments
        if abs((one.happened_on - run.due_on).days) <= _LATEST_DAYS
        and (one.amount_minor, one.currency) != (run.amount_minor, run.currency)
    ]
    seen = f"; of this vault customer came {', '.join(others)}" if others else ""
    return f"no payment of this amount came{seen}"
