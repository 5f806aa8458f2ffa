"""What is remembered under one key of the identification inbox: a reference token, or a payment.

The inbox holds two kinds of aggregates, distinguished by their records. A reference (vault:acme, invoice:RE-1) knows
for whom it stands and which payments wait for its answer. A payment (payment:79388123) knows its movements, and it
alone decides whose they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from schemas.records.by_topic import IdentificationEvents
from schemas.records.identification import (
    IdentificationReviewed,
    PaymentAwaitsReference,
    PaymentIdentified,
    PaymentPassedOn,
    ReferenceAnswered,
    ReferenceAnswerRecorded,
    ReferenceForgotten,
    ReferenceLearned,
    ReferenceRemembered,
    ReferenceUnlearned,
)

ReferenceEvent: TypeAlias = (
    ReferenceLearned
    | ReferenceUnlearned
    | ReferenceRemembered
    | ReferenceForgotten
    | ReferenceAnswered
    | PaymentPassedOn
)
PaymentEvent: TypeAlias = PaymentAwaitsReference | ReferenceAnswerRecorded | PaymentIdentified | IdentificationReviewed
Event: TypeAlias = IdentificationEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A token.

    Shapes: customers are those of whom abas says so; owed is transaction id by payment token: the payments that did
            not get one customer as an answer yet, in order of arrival.
    """

    customers: frozenset[str] = frozenset()
    remembered: str | None = None
    owed: Mapping[str, str] = field(default_factory=dict)

    @property
    def answer(self) -> tuple[str, ...]:
        """For whom the token stands: what a person said alone, else all that abas says, in order."""
        return (self.remembered,) if self.remembered else tuple(sorted(self.customers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment.

    Shapes: waiting is in order of arrival, one for each movement; tokens are in order of priority, known once the
            payment had to wait, and answers are what each of them said last.
    """

    tokens: tuple[str, ...] = ()
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waiting: tuple[PaymentAwaitsReference, ...] = ()
    abas_customer_id: str | None = None
    identified_by: str = ""
    reviewed_by: str = ""
    is_contested: bool = False
    movement_ids: frozenset[str] = frozenset()

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
