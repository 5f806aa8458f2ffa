"""The rules of risk as values; how their text is read is in streams/rules/risk.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from streams.domain.risk.facts import Key


class Outcome(StrEnum):
    """What becomes of a payment."""

    PASS = "pass"  # noqa: S105 -- an outcome
    HOLD = "hold"
    REJECT = "reject"


class Weight(StrEnum):
    """What one rule that is met means; several notes together hold."""

    NOTE = "note"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Head:
    """What every rule has.

    Units: from_minor is minor units by currency; a payment below it is left alone, one in a currency that is not listed
           is looked at whatever it comes to.
    """

    name: str
    why: str
    weight: Weight
    from_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Velocity:
    """Too many attempts, or too much money, by one card, customer, address or merchant within a time."""

    head: Head
    by: Key
    within: timedelta
    at_most: int | None
    at_most_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AmountAgainstHistory:
    """Much more than the median of what was paid before, where enough was."""

    head: Head
    by: Key
    within: timedelta
    at_least: int
    times: Decimal


@dataclass(frozen=True, slots=True)
class Answers:
    """The answer of the card's bank about address or security code is one of these."""

    head: Head
    avs: frozenset[str]
    csc: frozenset[str]


@dataclass(frozen=True, slots=True)
class CountryMismatch:
    """Billed in one country, sent to another; countries of one group are alike."""

    head: Head
    alike: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class DuplicateCharge:
    """The same amount of the same card or customer again, and no other order."""

    head: Head
    by: Key
    within: timedelta


@dataclass(frozen=True, slots=True)
class RefundWithoutSale:
    """More refunded than was paid, and no payment is named."""

    head: Head
    by: Key
    within: timedelta


@dataclass(frozen=True, slots=True)
class CardTesting:
    """Many small attempts that are declined, of several cards where `by` isn't a card."""

    head: Head
    by: Key
    within: timedelta
    small_minor: Mapping[str, int]
    declines: int
    cards: int
    declined_percent: int


Rule: TypeAlias = (
    Velocity | AmountAgainstHistory | Answers | CountryMismatch | DuplicateCharge | RefundWithoutSale | CardTesting
)


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules of a version; notes_hold is how many notes together hold a payment."""

    version: int
    notes_hold: int
    rules: tuple[Rule, ...]
