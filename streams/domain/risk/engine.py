"""Says of each payment whether it passes, is held or rejected, and why. Pure.

Windows go by event time. A payment is judged by what was attempted before it: payments of the same instant are ordered
by their id. Nothing later counts, and the order of arrival doesn't matter: the same set of facts gives the same
outcomes. Declined attempts are evidence; they have no outcome of their own, as they moved no money.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

from schemas.values.money import shown
from streams.domain.risk.facts import Key, PaymentFact
from streams.domain.risk.policy import (
    AmountAgainstHistory,
    Answers,
    CardTesting,
    CountryMismatch,
    DuplicateCharge,
    Outcome,
    Policy,
    RefundWithoutSale,
    Rule,
    Velocity,
    Weight,
)

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that a payment meets: what was found, against which limit, and which payments show it."""

    rule: str
    weight: Weight
    why: str
    value: str
    limit: str
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        limit = f" (limit: {self.limit})" if self.limit else ""
        return f"{self.rule}: {self.value}{limit}; {self.why}"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What becomes of one payment, and every rule that it meets, in the order of the rules."""

    fact: PaymentFact
    outcome: Outcome
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class History:
    """What was attempted before the payment at hand, by key."""

    times: dict[tuple[Key, str], list[datetime]] = field(default_factory=dict)
    facts: dict[tuple[Key, str], list[PaymentFact]] = field(default_factory=dict)

    def add(self, fact: PaymentFact) -> None:
        """Remember an attempt; they come in order of time."""
        for key in Key:
            if value := fact.value_of(key):
                self.times.setdefault((key, value), []).append(fact.at)
                self.facts.setdefault((key, value), []).append(fact)

    def before(self, fact: PaymentFact, key: Key, within: timedelta) -> Sequence[PaymentFact]:
        """Return the attempts under the payment's own key, not older than `within`; none where it has no such key."""
        at = (key, fact.value_of(key))
        return self.facts[at][bisect_left(self.times[at], fact.at - within) :] if at in self.times else ()


def assess(facts: Iterable[PaymentFact], policy: Policy) -> list[Assessment]:
    """Return the outcome of every approved payment and every refund, in order of time and id."""
    history = History()
    found = []
    for fact in sorted(facts, key=lambda one: (one.at, one.payment_id)):
        if fact.is_approved:
            findings = findings_of(fact, history, policy)
            outcome = outcome_of([one.weight for one in findings], policy)
            found.append(Assessment(fact, outcome, findings))
        history.add(fact)
    return found


def findings_of(fact: PaymentFact, history: History, policy: Policy) -> tuple[Finding, ...]:
    """Return every rule that a payment meets by what was attempted before it."""
    found = (
        _finding(rule, fact, history)
        for rule in policy.rules
        if fact.amount_minor >= rule.head.from_minor.get(fact.currency, 0)
    )
    return tuple(one for one in found if one is not None)


def outcome_of(weights: Sequence[Weight], policy: Policy) -> Outcome:
    """Return the heaviest of what was found; as many notes as the policy says hold."""
    if Weight.REJECT in weights:
        return Outcome.REJECT
    if Weight.HOLD in weights or weights.count(Weight.NOTE) >= policy.notes_hold:
        return Outcome.HOLD
    return Outcome.PASS


def _finding(rule: Rule, fact: PaymentFact, history: History) -> Finding | None:
    match rule:
        case Velocity():
            return None if fact.is_refund else _velocity(rule, fact, history)
        case AmountAgainstHistory():
            return None if fact.is_refund else _amount(rule, fact, history)
        case Answers():
            return None if fact.is_refund else _answers(rule, fact)
        case CountryMismatch():
            return None if fact.is_refund else _country(rule, fact)
        case DuplicateCharge():
            return None if fact.is_refund else _duplicate(rule, fact, history)
        case RefundWithoutSale():
            return _refund(rule, fact, history) if fact.is_refund else None
        case CardTesting():
            return None if fact.is_refund else _testing(rule, fact, history)
        case _:
            assert_never(rule)


def _velocity(rule: Velocity, fact: PaymentFact, history: History) -> Finding | None:
    if not fact.value_of(rule.by):
        return None
    tries = [*(one for one in history.before(fact, rule.by, rule.within) if not one.is_refund), fact]
    span = in_words(rule.within)
    if rule.at_most is not None and len(tries) > rule.at_most:
        value = f"{len(tries)} attempts by one {rule.by} within {span}"
        return _met(rule, value, f"at most {rule.at_most}", tries[:-1])
    highest = rule.at_most_minor.get(fact.currency)
    paid = [one for one in tries if one.is_approved and one.currency == fact.currency]
    total = sum(one.amount_minor for one in paid)
    if highest is not None and total > highest:
        value = f"{shown(total, fact.currency)} by one {rule.by} within {span}"
        return _met(rule, value, f"at most {shown(highest, fact.currency)}", paid[:-1])
    return None


def _amount(rule: AmountAgainstHistory, fact: PaymentFact, history: History) -> Finding | None:
    before = [
        one
        for one in history.before(fact, rule.by, rule.within)
        if one.is_approved and not one.is_refund and one.currency == fact.currency
    ]
    if len(before) < rule.at_least:
        return None
    usual = int(statistics.median_low([one.amount_minor for one in before]))
    if fact.amount_minor <= usual * rule.times:
        return None
    value = f"{shown(fact.amount_minor, fact.currency)} where {shown(usual, fact.currency)} is usual for this {rule.by}"
    return _met(rule, value, f"at most {rule.times} times", before)


def _answers(rule: Answers, fact: PaymentFact) -> Finding | None:
    found = [
        f"{name} says {answer!r}"
        for name, answer, refused in (("AVS", fact.avs, rule.avs), ("CSC", fact.csc, rule.csc))
        if plain(answer) in refused
    ]
    wanted = bool(rule.avs) + bool(rule.csc)
    return _met(rule, " and ".join(found), "", ()) if len(found) == wanted else None


def _country(rule: CountryMismatch, fact: PaymentFact) -> Finding | None:
    billed, sent = fact.billing_country, fact.shipping_country
    if not billed or not sent or billed == sent or any({billed, sent} <= group for group in rule.alike):
        return None
    return _met(rule, f"billed in {billed}, sent to {sent}", "one country", ())


def _duplicate(rule: DuplicateCharge, fact: PaymentFact, history: History) -> Finding | None:
    again = [
        one
        for one in history.before(fact, rule.by, rule.within)
        if one.is_approved
        and not one.is_refund
        and (one.amount_minor, one.currency) == (fact.amount_minor, fact.currency)
        and not _differ(one.order, fact.order)
        and not _other_customer(one, fact)
    ]
    if not again:
        return None
    value = f"{shown(fact.amount_minor, fact.currency)} again {in_words(fact.at - again[-1].at)} after the same amount"
    return _met(rule, value, f"once within {in_words(rule.within)}", again)


def _differ(one: str, other: str) -> bool:
    """Return whether both are known and not the same."""
    return bool(one and other and one != other)


def _other_customer(one: PaymentFact, other: PaymentFact) -> bool:
    """Return whether both name a customer of one system, and not the same; numbers of two systems don't compare."""
    return one.customer.rpartition("/")[0] == other.customer.rpartition("/")[0] and _differ(
        one.customer, other.customer
    )


def _refund(rule: RefundWithoutSale, fact: PaymentFact, history: History) -> Finding | None:
    if fact.refund_of:
        return None
    before = [
        one
        for one in history.before(fact, rule.by, rule.within)
        if one.is_approved and one.currency == fact.currency and not _other_customer(one, fact)
    ]
    left = sum(-one.amount_minor if one.is_refund else one.amount_minor for one in before)
    if fact.amount_minor <= left:
        return None
    paid = f"a {rule.by} that paid {shown(max(left, 0), fact.currency)} net within {in_words(rule.within)}"
    return _met(rule, f"refund of {shown(fact.amount_minor, fact.currency)} to {paid}", "what was paid", before)


def _testing(rule: CardTesting, fact: PaymentFact, history: History) -> Finding | None:
    small = rule.small_minor.get(fact.currency)
    if small is None or fact.amount_minor > small or not fact.value_of(rule.by):
        return None
    tries = [
        one
        for one in history.before(fact, rule.by, rule.within)
        if not one.is_refund and one.currency == fact.currency and one.amount_minor <= small
    ]
    declined = [one for one in tries if not one.is_approved]
    cards = len({one.card for one in declined if one.card})
    if len(declined) < rule.declines or cards < rule.cards:
        return None
    if len(declined) * 100 < rule.declined_percent * len(tries):
        return None
    value = f"after {len(declined)} declined of {len(tries)} small attempts with {cards} cards at one {rule.by}"
    return _met(rule, f"{value} within {in_words(rule.within)}", f"fewer than {rule.declines} declined", declined)


def _met(rule: Rule, value: str, limit: str, evidence: Sequence[PaymentFact]) -> Finding:
    head = rule.head
    return Finding(head.name, head.weight, head.why, value, limit, tuple(one.payment_id for one in evidence))


def plain(answer: str) -> str:
    """Return an answer of a bank without case and surplus spaces, as rules compare it."""
    return " ".join(answer.split()).casefold()


def in_words(span: timedelta) -> str:
    """Return a time for people: 36h, 10m, 45s; the largest unit that leaves no rest."""
    seconds = int(span.total_seconds())
    for size, unit in _UNITS:
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s" if seconds < 120 else f"{seconds // 60}m"
