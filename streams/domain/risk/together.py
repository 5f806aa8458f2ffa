"""What a card, customer, address or merchant says of an attempt, by what was attempted before. Pure; for decider.py.

Windows go by the time of the attempt. One that arrives late may change what was found of those after it: they are
judged again, and what changed is answered again, so every order of arrival ends in the same findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from schemas.records.risk import RiskFactKept, RiskFinding, RiskKeyAnswered, RiskKeyAsked, RiskWeight
from schemas.values.references import payment_token
from streams.domain.risk.engine import Finding, History, findings_of
from streams.domain.risk.facts import Key, PaymentFact, attempt_of, fact_asked
from streams.domain.risk.policy import (
    AmountAgainstHistory,
    Answers,
    CardTesting,
    CountryMismatch,
    DuplicateCharge,
    Policy,
    RefundWithoutSale,
    Rule,
    Velocity,
)
from streams.domain.risk.state import MOST_KEPT, Together

_MOST_EVIDENCE = 10


def keys_of(fact: PaymentFact, policy: Policy) -> tuple[str, ...]:
    """Return the keys that must hear of an attempt: those by which a rule counts that looks at such an attempt."""
    return tuple(
        f"{key}:{value}"
        for key in Key
        if (value := fact.value_of(key)) and any(_looks_at(rule, fact) for rule in of_key(policy, key).rules)
    )


def of_key(policy: Policy, key: Key) -> Policy:
    """Return the rules that count by a key."""
    return replace(policy, rules=tuple(rule for rule in policy.rules if _by(rule) is key))


def of_none(policy: Policy, fact: PaymentFact) -> Policy:
    """Return the rules that look at a payment alone, or count by a key that it has not."""
    alone = (rule for rule in policy.rules if (by := _by(rule)) is None or not fact.value_of(by))
    return replace(policy, rules=tuple(alone))


def on_asked(together: Together, asked: RiskKeyAsked, policy: Policy) -> tuple[RiskFactKept | RiskKeyAnswered, ...]:
    """Remember an attempt, answer for it, and for those after it of which more is found now, or less.

    Ensures: an attempt that is known as it is yields ().
    """
    known = together.kept.get(asked.paytrace_transaction_id)
    if known is not None and known.revision >= asked.revision:
        return ()
    kept = RiskFactKept(
        risk_key=asked.risk_key,
        payment_token=asked.payment_token,
        paytrace_transaction_id=asked.paytrace_transaction_id,
        **attempt_of(asked),
        is_judged=asked.is_judged,
        revision=asked.revision,
        rules_version=policy.version,
        occurred_at=asked.occurred_at,
    )
    after = keep(together, kept)
    rules = of_key(policy, Key(asked.risk_key.partition(":")[0]))
    own = (_answer(after, kept, kept, rules),) if kept.is_judged else ()
    again = (_answer(after, one, kept, rules) for one in _after(after, kept, rules))
    return (kept, *own, *(one for one in again if one.findings != together.said.get(one.paytrace_transaction_id, ())))


def keep(together: Together, kept: RiskFactKept) -> Together:
    """Remember an attempt, and forget the oldest where there are too many."""
    facts = {**together.kept, kept.paytrace_transaction_id: kept}
    if len(facts) <= MOST_KEPT:
        return replace(together, kept=facts)
    oldest = min(facts.values(), key=_instant)
    gone, at = oldest.paytrace_transaction_id, oldest.attempted_at
    forgotten = at if together.forgotten is None else max(at, together.forgotten)
    said = {one: findings for one, findings in together.said.items() if one != gone}
    return replace(
        together, kept={one: fact for one, fact in facts.items() if one != gone}, said=said, forgotten=forgotten
    )


def answered(together: Together, answer: RiskKeyAnswered) -> Together:
    """Remember what was said of an attempt that is kept."""
    if answer.paytrace_transaction_id not in together.kept:
        return together
    return replace(together, said={**together.said, answer.paytrace_transaction_id: answer.findings})


def recorded(finding: Finding, risk_key: str) -> RiskFinding:
    """Return a finding as it is recorded."""
    return RiskFinding(
        risk_key=risk_key,
        rule=finding.rule,
        weight=RiskWeight(finding.weight.upper()),
        why=finding.why,
        value=finding.value,
        limit=finding.limit,
        evidence_ids=finding.evidence[-_MOST_EVIDENCE:],
    )


def _after(together: Together, kept: RiskFactKept, rules: Policy) -> Iterator[RiskFactKept]:
    """Return attempts that this one may count for, in order.

    What was judged by other rules keeps what they found, and so does what depends on attempts that are forgotten.
    """
    longest = max((within for rule in rules.rules if (within := _within(rule)) is not None), default=timedelta())
    for one in sorted(together.kept.values(), key=_instant):
        is_after = _instant(kept) < _instant(one) and one.attempted_at - kept.attempted_at <= longest
        is_whole = together.forgotten is None or one.attempted_at - longest > together.forgotten
        if is_after and is_whole and one.is_judged and one.rules_version == rules.version:
            yield one


def _answer(together: Together, one: RiskFactKept, cause: RiskFactKept, rules: Policy) -> RiskKeyAnswered:
    before = History()
    for other in sorted(together.kept.values(), key=_instant):
        if _instant(other) < _instant(one):
            before.add(fact_asked(other))
    found = findings_of(fact_asked(one), before, rules)
    return RiskKeyAnswered(
        risk_key=one.risk_key,
        payment_token=payment_token(one.paytrace_transaction_id),
        paytrace_transaction_id=one.paytrace_transaction_id,
        findings=tuple(recorded(finding, one.risk_key) for finding in found),
        revision=one.revision,
        rules_version=rules.version,
        occurred_at=cause.occurred_at,
    )


def _instant(kept: RiskFactKept) -> tuple[object, str]:
    return kept.attempted_at, kept.paytrace_transaction_id


def _by(rule: Rule) -> Key | None:
    return None if isinstance(rule, Answers | CountryMismatch) else rule.by


def _within(rule: Rule) -> timedelta | None:
    return None if isinstance(rule, Answers | CountryMismatch) else rule.within


def _looks_at(rule: Rule, fact: PaymentFact) -> bool:
    """Return whether an attempt is judged by a rule, or counts for one that comes later."""
    match rule:
        case Velocity() | AmountAgainstHistory() | DuplicateCharge():
            return not fact.is_refund
        case RefundWithoutSale():
            return True
        case CardTesting():
            return not fact.is_refund and fact.amount_minor <= rule.small_minor.get(fact.currency, -1)
        case Answers() | CountryMismatch():
            return False
