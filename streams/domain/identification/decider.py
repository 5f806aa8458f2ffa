"""Whose money is it? Decided for the identification context: references answer, each payment decides.

A token (a vault customer id, an invoice number, an order number) is known by no, one or several abas customers. Only
one is an answer. A movement goes to the first token of its payment, which sends it on to the payment with its answer;
a payment whose first token names nobody asks all its other tokens at once. It decides by the first token, in order of
priority, that names anybody, once all tokens before it have answered. A token that could not name one customer
remembers who asked, and answers again when it can. What protects the money (docs/adr/0040):

- the payment alone decides, so nothing is identified twice, and all movements of a transaction go to one customer,
  whatever is learned in between;
- every token of a payment that waits is heard, whenever its answer comes;
- a token of several customers waits for a person, and so does every token behind it: a tie is never broken;
- a token of higher priority that names another customer afterwards is reported as a contest; nothing is moved unseen;
- a person's decision stands before everything that tokens say;
- money that rules of risk must let go has a customer and stays here until they, or a person, do (PaymentAwaitsRisk);
- an order of a shop that names the payment names its customer, where the order has one, and else asks for it.

A refund that was made by hand may name nobody. Its last token is its card: the last four digits at one merchant
account. A card is told of all money of it that has a customer, and answers with the customers whose payments could be
refunded by this amount on this day; one of the same amount goes before larger ones. It is an answer like any other: one
customer is, several are a tie (docs/adr/0099).
"""

from __future__ import annotations

from typing import assert_never

from schemas.records.by_topic import IdentificationEvents, IdentificationInbox
from schemas.records.identification import (
    AssignCustomer,
    CardMoneyKnown,
    CustomerReferenced,
    CustomerUnreferenced,
    ForgetReference,
    IdentificationReviewed,
    OpenItemReferenced,
    PaymentAwaitsReference,
    PaymentAwaitsRisk,
    PaymentIdentified,
    PaymentPassedOn,
    PaymentToIdentify,
    ReferenceAnswered,
    ReferenceAnswerRecorded,
    ReferenceAsked,
    ReferenceForgotten,
    ReferenceLearned,
    ReferenceRemembered,
    ReferenceUnlearned,
    RememberReference,
)
from schemas.records.orders import OrderPayerNamed
from schemas.records.receivables import DecisionRefused, DecisionTaken
from schemas.records.risk import PaymentRiskDecided
from schemas.topic import Topic
from schemas.values.replacing import replace
from streams.domain.identification import payment as payer_payment
from streams.domain.identification import reference as payer_reference
from streams.domain.identification.state import INITIAL, Event, State
from streams.domain.output import Output

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]


def decide(state: State, record: IdentificationInbox) -> tuple[Event, ...]:
    """Return where this movement goes, or what this reference, answer or command changes.

    Ensures: a movement, an answer or a command that was here yields ().
    Raises:  Unreadable for a movement without any token.
    """
    match record:
        case PaymentToIdentify():
            return payer_reference.on_movement(state.reference, record)
        case OpenItemReferenced() | CustomerReferenced() | CustomerUnreferenced():
            return payer_reference.on_fact(state.reference, record)
        case ReferenceAsked():
            return payer_reference.on_question(state.reference, record)
        case CardMoneyKnown():
            return payer_reference.on_card_money(state.reference, record)
        case RememberReference() | ForgetReference() | AssignCustomer() if record.command_id in state.command_ids:
            return ()
        case RememberReference() | ForgetReference():
            return payer_reference.on_command(state.reference, record)
        case AssignCustomer():
            return payer_payment.on_assignment(state.payment, record)
        case PaymentPassedOn():
            return payer_payment.on_movement(state.payment, record)
        case ReferenceAnswered():
            return payer_payment.on_answer(state.payment, record)
        case OrderPayerNamed():
            return payer_payment.on_order(state.payment, record)
        case PaymentRiskDecided():
            return payer_payment.on_risk(state.payment, record)
        case _:
            assert_never(record)


def evolve(state: State, event: IdentificationEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case DecisionTaken() | DecisionRefused():
            return replace(state, command_ids=state.command_ids | {event.command_id})
        case (
            PaymentAwaitsReference()
            | ReferenceAnswerRecorded()
            | PaymentIdentified()
            | PaymentAwaitsRisk()
            | PaymentRiskDecided()
            | IdentificationReviewed()
            | OrderPayerNamed()
        ):
            return replace(state, payment=payer_payment.evolve(state.payment, event))
        case (
            ReferenceLearned()
            | ReferenceUnlearned()
            | ReferenceRemembered()
            | ReferenceForgotten()
            | ReferenceAnswered()
            | PaymentPassedOn()
            | CardMoneyKnown()
        ):
            return replace(state, reference=payer_reference.evolve(state.reference, event))
        case _:
            assert_never(event)


def route(state: State, event: IdentificationEvents) -> tuple[Output, ...]:
    """Movements and answers to their payment, questions to their tokens, what is identified to its customer."""
    match event:
        case PaymentPassedOn() | ReferenceAnswered():
            return (Output(Topic.IDENTIFICATION_INBOX, event),)
        case PaymentAwaitsReference():
            return tuple(
                Output(Topic.IDENTIFICATION_INBOX, payer_payment.question(event, token)) for token in event.asks
            )
        case PaymentIdentified():
            of_card = payer_payment.card_money(event)
            to_card = () if of_card is None else (Output(Topic.IDENTIFICATION_INBOX, of_card),)
            to_orders = tuple(
                Output(Topic.ORDERS_INBOX, one) for one in payer_payment.customer_found(state.payment, event)
            )
            return (Output(Topic.RECEIVABLES_INBOX, event), *to_card, *to_orders)
        case OrderPayerNamed():
            return tuple(Output(Topic.ORDERS_INBOX, one) for one in payer_payment.customer_found(state.payment, event))
        case _:
            return ()
