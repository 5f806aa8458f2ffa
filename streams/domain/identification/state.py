"""What is remembered under one key of the identification inbox: a reference token, or a payment.

The inbox holds two kinds of aggregates, distinguished by their records. A reference (vault:acme, invoice:RE-1) knows
for whom it stands and which payments wait for its answer. A payment (payment:79388123) knows its movements, and it
alone decides whose they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from schemas.records.by_topic import IdentificationEvents
from schemas.records.identification import (
    CardMoneyKnown,
    IdentificationReviewed,
    PaymentAwaitsReference,
    PaymentAwaitsRisk,
    PaymentIdentified,
    PaymentPassedOn,
    ReferenceAnswered,
    ReferenceAnswerRecorded,
    ReferenceForgotten,
    ReferenceLearned,
    ReferenceRemembered,
    ReferenceUnlearned,
)
from schemas.records.orders import OrderPayerNamed
from schemas.records.risk import PaymentRiskDecided

ReferenceEvent: TypeAlias = (
    ReferenceLearned
    | ReferenceUnlearned
    | ReferenceRemembered
    | ReferenceForgotten
    | ReferenceAnswered
    | PaymentPassedOn
    | CardMoneyKnown
)
PaymentEvent: TypeAlias = (
    PaymentAwaitsReference
    | ReferenceAnswerRecorded
    | PaymentIdentified
    | PaymentAwaitsRisk
    | PaymentRiskDecided
    | IdentificationReviewed
    | OrderPayerNamed
)
Event: TypeAlias = IdentificationEvents


@dataclass(frozen=True, slots=True)
class Asker:
    """A payment that asked a token; of a refund that asks its card, how much went back on which day (minor units)."""

    transaction_id: str
    amount_minor: int | None = None
    currency: str | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class CardMoney:
    """What moved on a card by one transaction of a customer. Units: minor units, refunds below zero."""

    customer: str
    minor: int
    on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A token.

    Shapes: customers are those of whom abas says so; owed is by payment token: the payments that did not get one
            customer as an answer yet, in order of arrival. Of a card, money is by transaction.
    """

    customers: frozenset[str] = frozenset()
    remembered: str | None = None
    owed: Mapping[str, Asker] = field(default_factory=dict)
    money: Mapping[str, CardMoney] = field(default_factory=dict)
    movement_ids: frozenset[str] = frozenset()

    def answer(self, asker: Asker) -> tuple[str, ...]:
        """For whom the token stands: what a person said alone, else all that abas says, or the card's money, in order.

        Of a card: the customers who have so much left of its payments, and one of them that is no smaller and no later;
        those with a payment of exactly this amount alone, if there are any.
        """
        if asker.amount_minor is None:
            return (self.remembered,) if self.remembered else tuple(sorted(self.customers))
        fitting = self.payments_for(asker)
        exact = {one.customer for one in fitting.values() if one.minor == asker.amount_minor}
        return tuple(sorted(exact or {one.customer for one in fitting.values()}))

    def payments_for(self, asker: Asker) -> Mapping[str, CardMoney]:
        """Return the payments of a card that a refund could be of, by transaction, in order of arrival."""
        left: dict[str, int] = defaultdict(int)
        for one in self.money.values():
            left[one.customer] += one.minor
        least = asker.amount_minor or 0
        return {
            transaction: one
            for transaction, one in self.money.items()
            if one.minor >= max(least, 1)
            and left[one.customer] >= least
            and (one.on is None or asker.on is None or one.on <= asker.on)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment.

    Shapes: waiting is in order of arrival, one for each movement; tokens are in order of priority, known once the
            payment had to wait, and answers are what each of them said last. orders are those of shops that it pays,
            customer_of_order is the customer that one of them has. held has a customer and waits for risk, whose last
            decision risk is; is_through says that money of it went to its customer.
    """

    tokens: tuple[str, ...] = ()
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waiting: tuple[PaymentAwaitsReference, ...] = ()
    abas_customer_id: str | None = None
    identified_by: str = ""
    reviewed_by: str = ""
    is_contested: bool = False
    movement_ids: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()
    customer_of_order: str | None = None
    held: tuple[PaymentAwaitsRisk, ...] = ()
    risk: PaymentRiskDecided | None = None
    is_through: bool = False

    def rank(self, token: str) -> int:
        """Priority of a token, 0 is first; a person's decision stands before all of them."""
        return self.tokens.index(token) if token in self.tokens else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One key of the inbox."""

    reference: Reference = Reference()
    payment: Payment = Payment()
    command_ids: frozenset[str] = frozenset()


INITIAL = State()
