"""What money in a foreign currency is worth in the books: one rate for all movements of a transaction.

A movement goes from one amount to another, and its value is the difference of the two rounded values. So the values of
all movements of a transaction sum to the value of what is left of it, whatever was rounded on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from schemas.records.identification import Movement
from schemas.records.payments import TransactionObserved
from schemas.values.exchange import booked_rate, parse_rate, value_in_base
from schemas.values.money import Money


@dataclass(frozen=True, slots=True)
class Valuation:
    """The rate of a transaction, for ever: base currency for one unit of its own, exact."""

    base_currency: str
    rate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A movement of money, on its way to another context or waiting to be valued.

    Units: from_minor and to_minor are minor units of the transaction's currency: what the amount was and became.
    settled_at is set where it is a line for the bank, which has a batch and counts on value_on.
    dispute_id is set where a dispute takes it off the customer, or gives it back.
    """

    movement: Movement
    from_minor: int
    to_minor: int
    name: str
    transaction_id: str
    value_on: date
    occurred_at: datetime
    settled_at: datetime | None = None
    batch_number: int | None = None
    dispute_id: str | None = None

    def value(self, currency: str, valuation: Valuation | None) -> dict[str, Any]:
        """Return base_minor, never negative, and base_currency; without a valuation the currency is its own base."""
        if valuation is None:
            return {"base_minor": abs(self.to_minor - self.from_minor), "base_currency": currency}
        rate = parse_rate(valuation.rate)
        before, after = (
            value_in_base(Money(minor, currency), rate, valuation.base_currency).minor
            for minor in (self.from_minor, self.to_minor)
        )
        return {"base_minor": abs(after - before), "base_currency": valuation.base_currency}


def booked_by(seen: TransactionObserved, base_currency: str) -> str | None:
    """Return the rate by which the source booked this money; None where it says nothing of use."""
    if seen.booked_base_currency != base_currency or not seen.booked_base_minor or not seen.amount_minor:
        return None
    return booked_rate(Money(seen.amount_minor, seen.currency), Money(seen.booked_base_minor, base_currency))
