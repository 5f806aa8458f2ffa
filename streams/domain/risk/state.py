"""What is remembered under one key of the risk inbox: a payment, or what payments are taken together by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.records.risk import (
    PaymentRiskDecided,
    RiskAsked,
    RiskAssessed,
    RiskFactKept,
    RiskFinding,
)

# What a key remembers at most; rules can't count further (streams/rules/risk.py).
MOST_KEPT: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """A card, customer, address or merchant.

    Shapes: kept and said are by transaction: the newest MOST_KEPT attempts, and what was last answered about each.
            forgotten is when the newest of the attempts was made that are no longer kept.
    """

    kept: Mapping[str, RiskFactKept] = field(default_factory=dict)
    said: Mapping[str, tuple[RiskFinding, ...]] = field(default_factory=dict)
    forgotten: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment or refund.

    Shapes: keys were asked, and those that are answered have said something; passed are the findings that a person
            released, each as its key and rule.
    """

    asked: RiskAsked | None = None
    keys: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    assessed: RiskAssessed | None = None
    decided: PaymentRiskDecided | None = None
    passed: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One key of the inbox."""

    payment: Payment = Payment()
    together: Together = Together()
    command_ids: frozenset[str] = frozenset()


INITIAL: Final = State()
