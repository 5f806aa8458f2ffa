"""What is remembered under one key of the customers inbox: a token, or a customer of one side.

The inbox holds two kinds of aggregates, distinguished by their records. A token (email:..., name:..., place:...,
number:..., recorded:...) knows who can be found by it. A customer knows its tokens; a vault customer knows besides what
each of them answered, and it alone decides which customer of abas it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.records.customers import CustomerSide


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Who can be found by a token: numbers of abas customers, and data subjects of vault customers."""

    abas_customer_ids: frozenset[str] = frozenset()
    vault_customers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer of one side.

    Shapes: answers are by token, of a vault customer alone; rejected are customers of abas that a person said it is
            not; said is the last outcome as published, so that the same one is not published again; orders are those of
            a shop's customer, who hear whom it is linked to.
    """

    side: CustomerSide = CustomerSide.UNKNOWN
    named: str = ""
    tokens: frozenset[str] = frozenset()
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    linked_to: str | None = None
    rejected: frozenset[str] = frozenset()
    said: tuple[str, ...] = ()
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
