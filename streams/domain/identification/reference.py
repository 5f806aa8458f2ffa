"""For whom a reference token stands, and which payments still wait to hear it. Pure; for payer.py."""

from __future__ import annotations

from datetime import datetime

from schemas.checks.attribution import why_not_attributed
from schemas.failures import Unreadable
from schemas.records.identification import (
    CardMoneyKnown,
    CustomerReferenced,
    CustomerUnreferenced,
    ForgetReference,
    OpenItemReferenced,
    PaymentPassedOn,
    PaymentToIdentify,
    ReferenceAnswered,
    ReferenceAsked,
    ReferenceForgotten,
    ReferenceLearned,
    ReferenceRemembered,
    ReferenceUnlearned,
    RememberReference,
)
from schemas.records.receivables import Decision
from schemas.signs import movement_sign
from schemas.topic import Topic
from schemas.values.money import Money
from schemas.values.references import CARD, payment_token
from schemas.values.replacing import replace
from streams.domain.decided import decided
from streams.domain.identification.payment import carried
from streams.domain.identification.state import Asker, CardMoney, Event, Reference, ReferenceEvent

_MOST_NAMED = 5


def on_movement(reference: Reference, movement: PaymentToIdentify) -> tuple[Event, ...]:
    """Send a movement on to its payment, with what is known here.

    Raises: Unreadable for a movement without any token.
    """
    if not movement.tokens:
        raise Unreadable(
            f"PaymentToIdentify {movement.movement_id} on {Topic.IDENTIFICATION_INBOX} names no token to ask"
        )
    token = movement.tokens[0]
    asker = _asker(token, movement)
    return (
        PaymentPassedOn(
            payment_token=payment_token(movement.paytrace_transaction_id),
            tokens=movement.tokens,
            token=token,
            abas_customer_ids=reference.answer(asker),
            detail=_in_words(reference, asker),
            awaits_risk=movement.awaits_risk,
            **carried(movement),
        ),
    )


def on_question(reference: Reference, question: ReferenceAsked) -> tuple[Event, ...]:
    """Answer a payment, also that nobody is known; the same question again says nothing."""
    if question.payment_token in reference.owed:
        return ()
    asker = Asker(question.paytrace_transaction_id, question.asked_minor, question.currency, question.asked_on)
    return (_answered(reference, question.token, question.payment_token, asker, question.occurred_at),)


def on_card_money(reference: Reference, known: CardMoneyKnown) -> tuple[Event, ...]:
    """Learn of money of a card, and tell the refunds that wait for it what they could be of now."""
    if known.movement_id in reference.movement_ids:
        return ()
    return (known, *_news(reference, known))


def on_fact(
    reference: Reference, fact: OpenItemReferenced | CustomerReferenced | CustomerUnreferenced
) -> tuple[Event, ...]:
    """Learn or unlearn a customer, and answer those who wait for it. What was identified stays where it is."""
    event: ReferenceLearned | ReferenceUnlearned
    if isinstance(fact, CustomerUnreferenced):
        event = ReferenceUnlearned(
            token=fact.token, abas_customer_id=fact.abas_customer_id, occurred_at=fact.occurred_at
        )
    else:
        event = ReferenceLearned(token=fact.token, abas_customer_id=fact.abas_customer_id, occurred_at=fact.observed_at)
    if evolve(reference, event) == reference:
        return ()
    return (event, *_news(reference, event))


def on_command(reference: Reference, command: RememberReference | ForgetReference) -> tuple[Event, ...]:
    """Take or drop a person's decision for whom this token stands."""
    remembers = isinstance(command, RememberReference)
    customer = command.abas_customer_id if isinstance(command, RememberReference) else reference.remembered or ""
    refused = why_not_attributed(command.decided_by, command.reason)
    if not refused and command.token.startswith(CARD):
        refused = "four digits stand for no customer: many cards end in them; assign the refund itself"
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
        case ReferenceUnlearned():
            return replace(reference, customers=reference.customers - {event.abas_customer_id})
        case ReferenceRemembered():
            return replace(reference, remembered=event.abas_customer_id)
        case ReferenceForgotten():
            return replace(reference, remembered=None)
        case ReferenceAnswered():
            asker = Asker(event.paytrace_transaction_id, event.asked_minor, event.currency, event.asked_on)
            return _owing(reference, event.payment_token, asker, event.abas_customer_ids)
        case PaymentPassedOn():
            asker = _asker(event.token, event)
            return _owing(reference, event.payment_token, asker, event.abas_customer_ids)
        case CardMoneyKnown():
            minor = movement_sign(event.movement) * event.amount_minor
            before = reference.money.get(event.paytrace_transaction_id)
            money = CardMoney(
                customer=event.abas_customer_id,
                minor=minor + (0 if before is None else before.minor),
                on=event.value_on if before is None else before.on,
            )
            return replace(
                reference,
                money={**reference.money, event.paytrace_transaction_id: money},
                movement_ids=reference.movement_ids | {event.movement_id},
            )


def _owing(reference: Reference, payment: str, asker: Asker, answer: tuple[str, ...]) -> Reference:
    """Return the payments that are owed an answer: until it was one customer, and never after."""
    if len(answer) != 1:
        return reference if payment in reference.owed else replace(reference, owed={**reference.owed, payment: asker})
    if payment not in reference.owed:
        return reference
    return replace(reference, owed={name: one for name, one in reference.owed.items() if name != payment})


def _news(
    reference: Reference,
    event: ReferenceLearned | ReferenceUnlearned | ReferenceRemembered | ReferenceForgotten | CardMoneyKnown,
) -> tuple[ReferenceAnswered, ...]:
    """Return the answers that an event leads to; none where it changes nothing of the answer."""
    later, token, at = evolve(reference, event), event.token, event.occurred_at
    changed = ((payment, one) for payment, one in reference.owed.items() if later.answer(one) != reference.answer(one))
    return tuple(_answered(later, token, payment, one, at) for payment, one in changed if later.answer(one))


def _answered(reference: Reference, token: str, payment: str, asker: Asker, at: datetime) -> ReferenceAnswered:
    return ReferenceAnswered(
        payment_token=payment,
        paytrace_transaction_id=asker.transaction_id,
        token=token,
        abas_customer_ids=reference.answer(asker),
        asked_minor=asker.amount_minor,
        currency=asker.currency,
        asked_on=asker.on,
        detail=_in_words(reference, asker),
        occurred_at=at,
    )


def _asker(token: str, movement: PaymentToIdentify | PaymentPassedOn) -> Asker:
    """Return who asks: a card is asked by what went back, and when."""
    transaction_id = movement.paytrace_transaction_id
    if not token.startswith(CARD):
        return Asker(transaction_id)
    return Asker(transaction_id, movement.amount_minor, movement.currency, movement.value_on)


def _in_words(reference: Reference, asker: Asker) -> str:
    """Say which payments a refund could be of by its card; empty for other references."""
    if asker.currency is None:
        return ""
    fitting = list(reference.payments_for(asker).items())
    named = [
        f"{transaction} of customer {one.customer} ({Money(one.minor, asker.currency)}, {one.on})"
        for transaction, one in fitting[:_MOST_NAMED]
    ]
    more = f" and {len(fitting) - _MOST_NAMED} more" if len(fitting) > _MOST_NAMED else ""
    return f"could be of payment {', '.join(named)}{more}, by last four and amount" if named else ""
