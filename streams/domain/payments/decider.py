"""What PayTrace's observations of one transaction prove: decided for the payments context, one transaction at a time.

PayTrace has no "modified since" and no webhooks, so the same transaction is seen again and again, late and in any
order. What was seen is therefore a set that only grows, and every money fact is a monotone function of that set: a
fact is reported at the observation that completes its proof, once, whichever observation that is. What protects the
money:

- only an explicit yes counts: a status that does not belong to its kind, or that we cannot read, is shown and is
  never money;
- the captured amount is the one of the latest observation (by time, then by status, then by amount);
- a capture is reversed at most once, by whatever reversed it first;
- what disputes take is kept beside the facts of PayTrace, which shows none: the last fact of each dispute decides;
- observations that cannot both be true are shown to a person, besides the facts that they prove;
- a transaction waits, visibly, while its latest observation can't be read: an unknown word, an amount that is none;
- what a code of a return, notice or decline allows next is said once per code, and holds charges where it must;
- money in a foreign currency is valued once, by what the source booked or by an exchange rate; until then its movements
  wait here, and they go out together (valuation.py).

`occurred_at` of an event is the `observed_at` of the observation that proved it: when Saldo learned of it. `value_on`
is the business day of the money, by the rules of value_dates.py.
"""

from __future__ import annotations

from functools import reduce
from typing import assert_never

from schemas.records.by_topic import PaymentsEvents, PaymentsObservations
from schemas.records.orders import OrderPaymentAsked
from schemas.records.payments import (
    DisputeReported,
    PaymentChargebackLost,
    PaymentChargebackReversed,
    PaymentChargedBack,
    PaymentValued,
    RefundApplied,
    RefundLinked,
    ReportPaymentCode,
    TransactionObserved,
    ValuationAsked,
)
from schemas.records.rates import RateAnswered
from schemas.records.risk import RiskAsked
from schemas.topic import Topic
from schemas.values.exchange import pair_of
from streams.domain.output import Output
from streams.domain.payments import attempts
from streams.domain.payments.evolving import evolve
from streams.domain.payments.listeners import orders_hear, rates_hear, subscriptions_hear
from streams.domain.payments.movements import moves_now, outputs_of
from streams.domain.payments.next_steps import gateway_hears, next_step_shown, on_code
from streams.domain.payments.policy import Policy
from streams.domain.payments.proofs import on_observation
from streams.domain.payments.state import Event, Fact, State, case_of
from streams.domain.payments.valuation import booked_by

INITIAL = State(refunds={})


def decide(state: State, record: PaymentsObservations, policy: Policy) -> tuple[Event, ...]:
    """Return what this record proves that was not known before.

    Ensures: a record whose news is known yields (); any order of a transaction's observations ends in the same state.
    """
    match record:
        case TransactionObserved():
            events = on_observation(state, record)
            valued = _valued(reduce(evolve, events, state), record, policy)
            return _attempted(state, record, policy) + valued + events + next_step_shown(state, record, policy)
        case RefundLinked():
            return _on_refund_linked(state, record)
        case DisputeReported():
            return _on_dispute(state, record)
        case ReportPaymentCode():
            return on_code(state, record, policy)
        case RateAnswered():
            return _on_rate(state, record)
        case OrderPaymentAsked():
            return _on_order(state, record)
        case _:
            assert_never(record)


def route(state: State, event: PaymentsEvents) -> tuple[Output, ...]:
    """Return what the other contexts must hear of this event.

    Each movement of money, what PayTrace settled of it, disputes.

    Units:   a movement's amount is non-negative, its direction is in its name; a change carries the difference.
    Ensures: every movement of a transaction carries the tokens of its first one, so that all go the same way.
    """
    moved = tuple(output for move in moves_now(state, event) for output in outputs_of(state, move))
    to_gateway = gateway_hears(state, event)
    to_risk = (Output(Topic.RISK_INBOX, event),) if isinstance(event, RiskAsked) else ()
    to_others = to_gateway + orders_hear(state, event) + subscriptions_hear(state, event)
    return to_risk + moved + rates_hear(event) + to_others


def _attempted(state: State, seen: TransactionObserved, policy: Policy) -> tuple[Event, ...]:
    """Ask risk before any money goes out, where rules of risk are in force."""
    if state.attempt is None and not policy.assesses_risk:
        return ()
    has_moved = bool(state.facts & {Fact.CAPTURED, Fact.REFUND_ISSUED})
    return attempts.seen(state.attempt, seen, state.orders, has_moved=has_moved)


def _on_order(state: State, order: OrderPaymentAsked) -> tuple[Event, ...]:
    """Remember an order that names this transaction, and say what risk learns of it."""
    if order.shop_order in state.orders:
        return ()
    return (order, *(attempts.ordered(state.attempt, order, state.orders) if state.attempt is not None else ()))


def _valued(state: State, seen: TransactionObserved, policy: Policy) -> tuple[Event, ...]:
    """Value money that is in a foreign currency, or ask for a rate; `state` is the one after this observation.

    The value stands before the money, so that its movements carry it.
    """
    identity = state.identity
    if identity is None or state.valuation is not None or identity.currency == policy.base_currency:
        return ()
    rate = booked_by(seen, policy.base_currency) if seen.currency == identity.currency else None
    if rate is not None:
        return (
            PaymentValued(
                paytrace_transaction_id=seen.paytrace_transaction_id,
                currency=identity.currency,
                base_currency=policy.base_currency,
                rate=rate,
                rate_on=None,
                rate_provider="booked",
                occurred_at=seen.observed_at,
            ),
        )
    value_on = state.captured_on or state.refunded_on
    if state.asked_in or value_on is None:
        return ()
    return (
        ValuationAsked(
            paytrace_transaction_id=seen.paytrace_transaction_id,
            currency_pair=pair_of(identity.currency, policy.base_currency),
            amount_minor=state.captured_minor or state.refund_minor,
            currency=identity.currency,
            value_on=value_on,
            occurred_at=seen.observed_at,
        ),
    )


def _on_rate(state: State, answer: RateAnswered) -> tuple[Event, ...]:
    """Take the first answer to what was asked; a payment that is valued stays as it is."""
    identity = state.identity
    if identity is None or state.valuation is not None or not state.asked_in:
        return ()
    if answer.currency_pair != pair_of(identity.currency, state.asked_in):
        return ()
    return (
        PaymentValued(
            paytrace_transaction_id=answer.paytrace_transaction_id,
            currency=identity.currency,
            base_currency=state.asked_in,
            rate=answer.rate,
            rate_on=answer.rate_on,
            rate_provider=answer.rate_provider,
            occurred_at=answer.occurred_at,
        ),
    )


def _on_refund_linked(state: State, link: RefundLinked) -> tuple[Event, ...]:
    if link.refund_transaction_id in state.refunds:
        return ()
    return (
        RefundApplied(
            paytrace_transaction_id=link.paytrace_transaction_id,
            refund_transaction_id=link.refund_transaction_id,
            amount_minor=link.amount_minor,
            currency=link.currency,
            occurred_at=link.occurred_at,
        ),
    )


def _on_dispute(state: State, reported: DisputeReported) -> tuple[Event, ...]:
    """Return what is new of a dispute, which its case reports in order; a payment that nobody saw counts too."""
    known = state.disputes.get(case_of(reported))
    known_minor = 0 if known is None else known.amount_minor
    events: tuple[Event, ...] = ()
    if reported.charged_back_minor != known_minor:
        moved = PaymentChargedBack if reported.charged_back_minor > known_minor else PaymentChargebackReversed
        events += (
            moved(
                paytrace_transaction_id=reported.paytrace_transaction_id,
                settlement_account=reported.settlement_account,
                dispute_id=reported.dispute_id,
                raw_stage=reported.raw_stage,
                previous_minor=known_minor,
                amount_minor=reported.charged_back_minor,
                change_number=1 + max((one.change_number for one in state.disputes.values()), default=0),
                currency=reported.currency,
                reason_code=reported.reason_code,
                entered_on=reported.entered_on,
                reopens_invoice=reported.reopens_invoice,
                occurred_at=reported.occurred_at,
            ),
        )
    lost = state.lost.get(case_of(reported))
    lost_minor = 0 if lost is None else lost.lost_minor
    if reported.lost_minor != lost_minor and not reported.reopens_invoice:
        events += (
            PaymentChargebackLost(
                paytrace_transaction_id=reported.paytrace_transaction_id,
                settlement_account=reported.settlement_account,
                dispute_id=reported.dispute_id,
                raw_stage=reported.raw_stage,
                previous_minor=lost_minor,
                lost_minor=reported.lost_minor,
                change_number=1 + max((one.change_number for one in state.lost.values()), default=0),
                currency=reported.currency,
                reason_code=reported.reason_code,
                value_on=reported.entered_on,
                occurred_at=reported.occurred_at,
            ),
        )
    return events
