"""Whose money is it? Decided for the identification context, one reference token at a time.

A token (an invoice number, a vault customer id) is known by no, one or several abas customers. Only one is an
answer. What protects the money:

- unknown and another token left: the payment is passed on to it and does not wait here;
- unknown and last: the payment waits, and is identified the moment somebody names the token;
- known by several: the payment waits for a person, a tie is never broken;
- what happened to the first movement of a transaction happens to all later ones, whatever is learned in between,
  so a capture and its void can never end with two customers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from schemas.failures import Unreadable
from schemas.records.identification import (
    CustomerReferenced,
    OpenItemReferenced,
    PaymentAwaitsReference,
    PaymentIdentified,
    PaymentPassedOn,
    PaymentToIdentify,
    ReferenceLearned,
    WaitingReason,
)
from schemas.references import NO_REFERENCE
from streams.domain.output import IDENTIFICATION_INBOX, RECEIVABLES_INBOX, Output, Record, no_rule_for

Event: TypeAlias = ReferenceLearned | PaymentPassedOn | PaymentAwaitsReference | PaymentIdentified


class Outcome(StrEnum):
    """What happened here to the first movement of a transaction."""

    PASSED_ON = "PASSED_ON"
    WAITING = "WAITING"
    IDENTIFIED = "IDENTIFIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """The way that every movement of one transaction takes here, and the movements that took it already."""

    outcome: Outcome
    abas_customer_id: str | None = None
    next_tokens: tuple[str, ...] = ()
    movement_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that is remembered of one token. Shapes: waiting is in order of arrival, dispositions by transaction id."""

    customers: frozenset[str] = frozenset()
    dispositions: dict[str, Disposition]
    waiting: tuple[PaymentAwaitsReference, ...] = ()


INITIAL = State(dispositions={})


def decide(state: State, record: Record) -> tuple[Event, ...]:
    """Where this movement goes, or what this reference answers.

    Ensures: a movement that was here and a reference that is known yield (); nothing waits once exactly one customer
             is known.
    Raises:  Unreadable for a type that this inbox has no rule for, and for a movement without any token.
    """
    match record:
        case PaymentToIdentify():
            return _on_movement(state, record)
        case OpenItemReferenced() | CustomerReferenced():
            return _on_reference(state, record.token, record.abas_customer_id, record.observed_at)
        case _:
            raise no_rule_for(record, IDENTIFICATION_INBOX)


def evolve(state: State, event: Event) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case ReferenceLearned():
            return replace(state, customers=state.customers | {event.abas_customer_id})
        case PaymentPassedOn():
            way = Disposition(outcome=Outcome.PASSED_ON, next_tokens=(event.next_token, *event.later_tokens))
            return _took(state, event, way)
        case PaymentAwaitsReference():
            waiting = replace(state, waiting=(*state.waiting, event))
            return _took(waiting, event, Disposition(outcome=Outcome.WAITING))
        case PaymentIdentified():
            rest = tuple(known for known in state.waiting if known.movement_id != event.movement_id)
            way = Disposition(outcome=Outcome.IDENTIFIED, abas_customer_id=event.abas_customer_id)
            return _took(replace(state, waiting=rest), event, way)


def route(state: State, event: Event) -> tuple[Output, ...]:
    """What is passed on to the next token, and what is identified, to its customer's receivables."""
    match event:
        case PaymentPassedOn():
            tokens = (event.next_token, *event.later_tokens)
            return (Output(IDENTIFICATION_INBOX, PaymentToIdentify(tokens=tokens, **_carried(event))),)
        case PaymentIdentified():
            return (Output(RECEIVABLES_INBOX, event),)
        case _:
            return ()


def _on_movement(state: State, payment: PaymentToIdentify) -> tuple[Event, ...]:
    if not payment.tokens:
        raise Unreadable(f"PaymentToIdentify {payment.movement_id} on {IDENTIFICATION_INBOX} names no token to ask")
    token, *later = payment.tokens
    way = state.dispositions.get(payment.paytrace_transaction_id)
    if way is None:
        way = _first_way(state, tuple(later))
    elif payment.movement_id in way.movement_ids:
        return ()
    match way.outcome:
        case Outcome.IDENTIFIED:
            return (_identified(payment, way.abas_customer_id or "", token),)
        case Outcome.PASSED_ON:
            return (_passed_on(payment, way.next_tokens),)
        case Outcome.WAITING:
            return (_awaits(state, payment, token),)


def _first_way(state: State, later: tuple[str, ...]) -> Disposition:
    if len(state.customers) == 1:
        return Disposition(outcome=Outcome.IDENTIFIED, abas_customer_id=min(state.customers))
    if not state.customers and later:
        return Disposition(outcome=Outcome.PASSED_ON, next_tokens=later)
    return Disposition(outcome=Outcome.WAITING)


def _on_reference(state: State, token: str, customer: str, observed_at: datetime) -> tuple[Event, ...]:
    if customer in state.customers:
        return ()
    learned = ReferenceLearned(token=token, abas_customer_id=customer, occurred_at=observed_at)
    if state.customers:  # now known by several: what waits goes on waiting, for a person
        return (learned,)
    return (learned, *(_identified(payment, customer, token) for payment in state.waiting))


def _took(state: State, event: PaymentPassedOn | PaymentAwaitsReference | PaymentIdentified, way: Disposition) -> State:
    known = state.dispositions.get(event.paytrace_transaction_id)
    movements = (known.movement_ids if known else frozenset()) | {event.movement_id}
    taken = {event.paytrace_transaction_id: replace(way, movement_ids=movements)}
    return replace(state, dispositions={**state.dispositions, **taken})


def _identified(payment: PaymentToIdentify | PaymentAwaitsReference, customer: str, token: str) -> PaymentIdentified:
    """Carries the movement's own value date, however long it waited here."""
    return PaymentIdentified(abas_customer_id=customer, identified_by=token, **_carried(payment))


def _passed_on(payment: PaymentToIdentify, tokens: tuple[str, ...]) -> PaymentPassedOn:
    return PaymentPassedOn(next_token=tokens[0], later_tokens=tokens[1:], **_carried(payment))


def _awaits(state: State, payment: PaymentToIdentify, token: str) -> PaymentAwaitsReference:
    if len(state.customers) > 1:
        reason = WaitingReason.REFERENCE_AMBIGUOUS
        detail = f"{token} is known by customers {', '.join(sorted(state.customers))}"
    elif token.startswith(NO_REFERENCE):
        reason, detail = WaitingReason.NO_REFERENCE, "the payment names neither an invoice nor a vault customer"
    else:
        reason, detail = WaitingReason.REFERENCE_UNKNOWN, f"no abas customer is known by {token}"
    return PaymentAwaitsReference(token=token, reason=reason, detail=detail, **_carried(payment))


def _carried(movement: PaymentToIdentify | PaymentPassedOn | PaymentAwaitsReference) -> dict[str, Any]:
    """The fields that every record about one movement shares."""
    return {name: getattr(movement, name) for name in _MOVEMENT_FIELDS}


_MOVEMENT_FIELDS = (
    "movement_id",
    "paytrace_transaction_id",
    "movement",
    "amount_minor",
    "currency",
    "method",
    "invoice_number",
    "vault_customer_id",
    "value_on",
    "occurred_at",
)
