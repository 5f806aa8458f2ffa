"""What is remembered under one key of the customers inbox: a token, or a customer of one side.

The inbox holds two kinds of aggregates, distinguished by their records. A token (email:..., name:..., place:...,
number:..., recorded:...) knows who can be found by it. A customer knows its tokens; a vault customer knows besides what
each of them answered, and it alone decides which customer of abas it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from schemas.records.customers import CustomerCreationRequested, CustomerSide, CustomerValuesAsked
from schemas.records.payments import PaymentMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Who can be found by a token: numbers of abas customers, and data subjects of vault customers."""

    abas_customer_ids: frozenset[str] = frozenset()
    vault_customers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What can be charged by one payment method; nothing of a bank account but that it is there."""

    brand: str | None = None
    last_four: str | None = None
    expires_on: date | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A payment method as abas was asked to hold it."""

    abas_customer_id: str
    card: Card
    is_removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """What the linked customer of abas shows: sealed values by role, digests by field."""

    abas_customer_id: str
    erp_subject: str
    person: Mapping[str, str]
    value_digests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value that both sides hold.

    Shapes: agreed is what abas and PayTrace showed when both were the same; asked is what owner and other side showed
            when the other side was asked last; published is the conflict as it was published; decided is whose value
            stands by a person's decision, as long as that side shows it.
    """

    agreed: tuple[str, str] | None = None
    asked: tuple[str, str] | None = None
    published: tuple[str, ...] = ()
    decided: CustomerSide | None = None
    decided_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer of one side.

    Shapes: answers are by token, of a vault customer alone; rejected are customers of abas that a person said it is
            not; said is the last outcome as published, so that the same one is not published again; person is sealed
            values by role; asked is the creation that abas was asked for last, while is_asked its outcome is awaited;
            methods are what it can be charged by now, written is what abas was asked to hold of them; followers are
            the vault customers that are linked to this customer of abas; theirs is what abas shows of the customer that
            this vault customer is linked to, fields what is known of each value, pending what each side was asked last
            and has not answered; orders are those of a shop's customer, who hear whom it is linked to.
    """

    data_subject: str = ""
    side: CustomerSide = CustomerSide.UNKNOWN
    named: str = ""
    tokens: frozenset[str] = frozenset()
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    linked_to: str | None = None
    rejected: frozenset[str] = frozenset()
    said: tuple[str, ...] = ()
    person: Mapping[str, str] = field(default_factory=dict)
    value_digests: Mapping[str, str] = field(default_factory=dict)
    asked: CustomerCreationRequested | None = None
    is_asked: bool = False
    created_as: str | None = None
    is_left: bool = False
    methods: Mapping[PaymentMethod, Card] = field(default_factory=dict)
    written: Mapping[PaymentMethod, Written] = field(default_factory=dict)
    erp_version: int | None = None
    followers: frozenset[str] = frozenset()
    theirs: Theirs | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    pending: Mapping[CustomerSide, CustomerValuesAsked] = field(default_factory=dict)
    orders: frozenset[str] = frozenset()

    @property
    def is_answered(self) -> bool:
        """Return whether every token has answered: nothing is decided on a part of the evidence."""
        return bool(self.tokens) and self.tokens <= self.answers.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One key of the inbox."""

    token: Token = Token()
    customer: Customer = Customer()
    command_ids: frozenset[str] = frozenset()


INITIAL = State()
