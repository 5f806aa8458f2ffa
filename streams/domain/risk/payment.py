"""Whether a payment may go on: what its keys found, and what a person decided. Pure; for decider.py.

The first decision waits for all keys. What is found later holds the payment again; whether its money is at its customer
by then is known where money is held back (streams/domain/identification). What a person released is not held again by
the same finding.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.records.risk import (
    PaymentRiskDecided,
    ReleaseHeldPayment,
    RiskAsked,
    RiskAssessed,
    RiskDecisionRefused,
    RiskFinding,
    RiskKeyAnswered,
    RiskKeyAsked,
    RiskOutcome,
    RiskStatus,
)
from schemas.values.money import Money
from schemas.values.replacing import replace
from streams.domain.risk.engine import History, findings_of, outcome_of
from streams.domain.risk.facts import attempt_of, fact_asked
from streams.domain.risk.policy import Outcome, Policy, Weight
from streams.domain.risk.state import Payment
from streams.domain.risk.together import keys_of, of_none, recorded

PaymentEvent: TypeAlias = RiskAsked | RiskKeyAsked | RiskAssessed | PaymentRiskDecided | RiskDecisionRefused
_OUTCOMES = {Outcome.PASS: RiskOutcome.CLEAR, Outcome.HOLD: RiskOutcome.HOLD, Outcome.REJECT: RiskOutcome.REJECT}
_ALONE = ""  # the key of what a payment alone says


def on_asked(payment: Payment, asked: RiskAsked, policy: Policy) -> tuple[PaymentEvent, ...]:
    """Judge a payment by itself, and ask its keys; of one that is known only what is new.

    Ensures: what was asked before, or is older, yields ().
    """
    known = payment.asked
    if known is not None and known.revision >= asked.revision:
        return ()
    events: tuple[PaymentEvent, ...] = (asked,)
    if known is None or fact_asked(known) != fact_asked(asked):
        fact = fact_asked(asked)
        events += tuple(
            RiskKeyAsked(
                risk_key=key,
                payment_token=asked.payment_token,
                paytrace_transaction_id=asked.paytrace_transaction_id,
                **attempt_of(asked),
                is_judged=asked.is_judged,
                revision=asked.revision,
                occurred_at=asked.occurred_at,
            )
            for key in keys_of(fact, policy)
        )
        alone = tuple(recorded(one, _ALONE) for one in findings_of(fact, History(), of_none(policy, fact)))
    else:
        alone = tuple(one for one in _found(payment) if one.risk_key == _ALONE)
    return events + _judged(reduce(evolve, events, payment), alone, policy) if asked.is_judged else events


def on_answer(payment: Payment, answer: RiskKeyAnswered, policy: Policy) -> tuple[PaymentEvent, ...]:
    """Take what a key says now; it says everything each time."""
    if answer.risk_key not in payment.keys or payment.asked is None:
        return ()
    alone = tuple(one for one in _found(payment) if one.risk_key == _ALONE)
    return _judged(payment, alone, policy, answer)


def on_release(payment: Payment, command: ReleaseHeldPayment) -> tuple[PaymentEvent, ...]:
    """Let a held payment go on, by a person."""
    refused = why_not_attributed(command.decided_by, command.reason) or _against(payment, command)
    if refused or payment.decided is None:
        return (
            RiskDecisionRefused(
                command_id=command.command_id,
                payment_token=command.payment_token,
                paytrace_transaction_id=command.paytrace_transaction_id,
                decided_by=command.decided_by,
                authenticated_by=command.authenticated_by,
                reason=command.reason,
                refused_because=refused,
                occurred_at=command.occurred_at,
            ),
        )
    return (
        replace(
            payment.decided,
            status=RiskStatus.RELEASED,
            detail=command.reason,
            revision=payment.decided.revision + 1,
            command_id=command.command_id,
            decided_by=command.decided_by,
            authenticated_by=command.authenticated_by,
            approved_by=command.approved_by,
            occurred_at=command.occurred_at,
        ),
    )


def evolve(payment: Payment, event: PaymentEvent) -> Payment:
    """Remember one event of a payment; accepts any event in any state."""
    match event:
        case RiskAsked():
            return replace(payment, asked=event)
        case RiskKeyAsked():
            return replace(payment, keys=payment.keys | {event.risk_key})
        case RiskAssessed():
            return replace(payment, assessed=event, answered=payment.keys - set(event.unanswered))
        case PaymentRiskDecided():
            is_released = event.status is RiskStatus.RELEASED
            passed = frozenset((one.risk_key, one.rule) for one in _found(payment)) if is_released else frozenset()
            return replace(payment, decided=event, passed=payment.passed | passed)
        case RiskDecisionRefused():
            return payment
        case _:
            assert_never(event)


def in_words(findings: Iterable[RiskFinding]) -> str:
    """Return what was found, for people."""
    return "; ".join(
        f"{one.rule}: {one.value}{f' (limit: {one.limit})' if one.limit else ''}, {one.why}" for one in findings
    )


def _against(payment: Payment, command: ReleaseHeldPayment) -> str:
    """Return what stands against a release; empty if nothing does."""
    name, asked, known = command.paytrace_transaction_id, payment.asked, payment.decided
    if asked is None or asked.paytrace_transaction_id != name:
        return f"no payment {name} was assessed"
    if known is None or known.status is not RiskStatus.HELD:
        return f"payment {name} is not held; `saldo report risk_holds` lists those that are"
    if (command.amount_minor, command.currency) != (asked.amount_minor, asked.currency):
        named, amount = (
            Money(command.amount_minor, command.currency),
            Money(asked.amount_minor, asked.currency),
        )
        return f"the command names {named}, payment {name} is {amount}"
    return ""


def _found(payment: Payment) -> tuple[RiskFinding, ...]:
    return payment.assessed.findings if payment.assessed is not None else ()


def _judged(
    payment: Payment, alone: tuple[RiskFinding, ...], policy: Policy, answer: RiskKeyAnswered | None = None
) -> tuple[PaymentEvent, ...]:
    """Return what a payment comes to by all that was found, where that changed, and whether it may go on."""
    asked, known = payment.asked, payment.assessed
    assert asked is not None, "nothing is judged before it is asked"
    by_key = {key: tuple(one for one in _found(payment) if one.risk_key == key) for key in payment.keys}
    answered = payment.answered
    if answer is not None:
        by_key[answer.risk_key] = answer.findings
        answered |= {answer.risk_key}
    findings = (*alone, *(one for key in sorted(by_key) for one in by_key[key]))
    assessed = RiskAssessed(
        payment_token=asked.payment_token,
        paytrace_transaction_id=asked.paytrace_transaction_id,
        outcome=_outcome(_open(payment, findings), policy),
        findings=findings,
        unanswered=tuple(sorted(payment.keys - answered)),
        rules_version=policy.version,
        occurred_at=asked.occurred_at if answer is None else answer.occurred_at,
    )
    is_news = known is None or replace(known, occurred_at=assessed.occurred_at) != assessed
    return (*((assessed,) if is_news else ()), *_decided(payment, asked, assessed))


def _outcome(findings: tuple[RiskFinding, ...], policy: Policy) -> RiskOutcome:
    weights = tuple(Weight(one.weight.lower()) for one in findings)
    return _OUTCOMES[outcome_of(weights, policy)]


def _open(payment: Payment, findings: tuple[RiskFinding, ...]) -> tuple[RiskFinding, ...]:
    """Return the findings that no person released."""
    return tuple(one for one in findings if (one.risk_key, one.rule) not in payment.passed)


def _decided(payment: Payment, asked: RiskAsked, assessed: RiskAssessed) -> tuple[PaymentEvent, ...]:
    """Return whether the payment may go on, where that or what is said of it changed."""
    known = payment.decided
    if known is None and assessed.unanswered:
        return ()
    is_clear = assessed.outcome is RiskOutcome.CLEAR
    status: RiskStatus
    if known is not None and known.status is RiskStatus.RELEASED and is_clear:
        status, detail = known.status, known.detail
    else:
        status = RiskStatus.PASSED if is_clear else RiskStatus.HELD
        detail = "" if is_clear else in_words(_open(payment, assessed.findings))
    is_by_rules = known is None or status is not known.status
    decided = PaymentRiskDecided(
        payment_token=asked.payment_token,
        paytrace_transaction_id=asked.paytrace_transaction_id,
        status=status,
        outcome=assessed.outcome,
        detail=detail,
        is_refund=asked.is_refund,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        shop_orders=asked.shop_orders,
        rules_version=assessed.rules_version,
        revision=1 if known is None else known.revision + 1,
        command_id=None if is_by_rules or known is None else known.command_id,
        decided_by=None if is_by_rules or known is None else known.decided_by,
        authenticated_by=None if is_by_rules or known is None else known.authenticated_by,
        approved_by=None if is_by_rules or known is None else known.approved_by,
        occurred_at=assessed.occurred_at,
    )
    if known is not None and _same(known, decided):
        return ()
    return (decided,)


def _same(known: PaymentRiskDecided, decided: PaymentRiskDecided) -> bool:
    """Return whether nothing is new for whoever holds the payment, or its orders."""
    about = ("status", "outcome", "detail", "amount_minor", "currency", "shop_orders")
    return all(getattr(known, name) == getattr(decided, name) for name in about)
