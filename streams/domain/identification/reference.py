"""For whom a reference token stands, and which payments still wait to hear it. Pure; for payer.py."""

from __future__ import annotations

from datetime import datetime

from schemas.checks.attribution import why_not_attributed
from schemas.failures import Unreadable
from schemas.records.identification import (
    CustomerReferenced,
    ForgetReference,
    OpenItemReferenced,
    PaymentPassedOn,
    PaymentToIdentify,
    ReferenceAnswered,
    ReferenceAsked,
    ReferenceForgotten,
    ReferenceLearned,
    ReferenceRemembered,
    RememberReference,
)
from schemas.records.receivables import Decision
from schemas.topic import Topic
from schemas.values.references import payment_token
from schemas.values.replacing import replace
from streams.domain.decided import decided
from streams.domain.identification.payment import carried
from streams.domain.identification.state import Event, Reference, ReferenceEvent


def on_movement(reference: Reference, movement: PaymentToIdentify) -> tuple[Event, ...]:
    """Send a movement on to its payment, with what is known here.

    Raises: Unreadable for a movement without any token.
    """
    if not movement.tokens:
        raise Unreadable(
            f"PaymentToIdentify {movement.movement_id} on {Topic.IDENTIFICATION_INBOX} names no token to ask"
        )
    return (
        PaymentPassedOn(
            payment_token=payment_token(movement.paytrace_transaction_id),
            tokens=movement.tokens,
            token=movement.tokens[0],
            abas_customer_ids=reference.answer,
            **carried(movement),
        ),
    )


def on_question(reference: Reference, question: ReferenceAsked) -> tuple[Event, ...]:
    """Answer a payment, also that nobody is known; the same question again says nothing."""
    if question.payment_token in reference.owed:
        return ()
    payment = (question.payment_token, question.paytrace_transaction_id)
    return (_answered(question.token, payment, reference.answer, question.occurred_at),)


def on_fact(reference: Reference, fact: OpenItemReferenced | CustomerReferenced) -> tuple[Event, ...]:
    """Learn a customer, and tell those who wait for it."""
    if fact.abas_customer_id in reference.customers:
        return ()
    learned = ReferenceLearned(token=fact.token, abas_customer_id=fact.abas_customer_id, occurred_at=fact.observed_at)
    return (learned, *_news(reference, learned))


def on_command(reference: Reference, command: RememberReference | ForgetReference) -> tuple[Event, ...]:
    """Take or drop a person's decision for whom this token stands."""
    remembers = isinstance(command, RememberReference)
    customer = command.abas_customer_id if isinstance(command, RememberReference) else reference.remembered or ""
    refused = why_not_attributed(command.decided_by, command.reason)
    if not refused and remembers and customer == reference.remembered:
        refused = f"{command.token} stands for customer {customer} already"
    if not refused and not customer:
        refused = f"no decision about {command.token} is remembered"
    event = (ReferenceRemembered if remembers else ReferenceForgotten)(
        token=command.token,
        abas_customer_id=customer,
        decided_by=command.decided_by,
        reason=command.reason,
        occurred_at=command.occurred_at,
    )
    return decided(
        command,
        Decision.REMEMBER if remembers else Decision.FORGET,
        customer=customer,
        reference=command.token,
        events=(event, *_news(reference, event)),
        refused=refused,
    )


def evolve(reference: Reference, event: ReferenceEvent) -> Reference:
    """Remember one event of a token; accepts any event in any state."""
    match event:
        case ReferenceLearned():
            return replace(reference, customers=reference.customers | {event.abas_customer_id})
        case ReferenceRemembered():
            return replace(reference, remembered=event.abas_customer_id)
        case ReferenceForgotten():
            return replace(reference, remembered=None)
        case ReferenceAnswered() | PaymentPassedOn():
            return _owing(reference, event.payment_token, event.paytrace_transaction_id, event.abas_customer_ids)


def _owing(reference: Reference, payment: str, transaction_id: str, answer: tuple[str, ...]) -> Reference:
    """Return the payments that are owed an answer: until it was one customer, and never after."""
    if len(answer) != 1:
        return (
            reference
            if payment in reference.owed
            else replace(reference, owed={**reference.owed, payment: transaction_id})
        )
    if payment not in reference.owed:
        return reference
    return replace(reference, owed={name: tx for name, tx in reference.owed.items() if name != payment})


def _news(
    reference: Reference, event: ReferenceLearned | ReferenceRemembered | ReferenceForgotten
) -> tuple[ReferenceAnswered, ...]:
    """Return the answers that an event leads to; none where it changes nothing of the answer."""
    answer = evolve(reference, event).answer
    if answer == reference.answer or not answer:
        return ()
    return tuple(_answered(event.token, payment, answer, event.occurred_at) for payment in reference.owed.items())


def _answered(token: str, payment: tuple[str, str], answer: tuple[str, ...], at: datetime) -> ReferenceAnswered:
    name, transaction_id = payment
    return ReferenceAnswered(
        payment_token=name,
        paytrace_transaction_id=transaction_id,
        token=token,
        abas_customer_ids=answer,
        occurred_at=at,
    )
