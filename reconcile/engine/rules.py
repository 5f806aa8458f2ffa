"""Matching rules as data: which lines a pass may bring together, within which tolerances, and when it is sure.

The engine is given them as one value. They are read from YAML by reconcile/files/rules.py; docs/matching.md shows how
to add one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Shape(StrEnum):
    """How many lines of which side a rule brings together."""

    ONE_TO_ONE = "one_to_one"
    GROUP = "group"
    MANY_TO_MANY = "many_to_many"
    OFFSET = "offset"
    RETURN = "return"
    DUPLICATE = "duplicate"


class AmountGate(StrEnum):
    """How the amounts of a rule's lines must relate."""

    EQUAL = "equal"
    TOLERANCE = "tolerance"
    TRANSPOSED = "transposed"
    SIGN = "sign"


class Need(StrEnum):
    """What else must agree before a rule looks at two lines."""

    REFERENCE = "reference"
    COUNTERPARTY = "counterparty"
    BATCH_KEY = "batch_key"
    SAME_DAY = "same_day"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two amounts may be apart: the larger of a fixed sum and a share, for one currency or counterparty.

    Units: minor in minor units, bps in hundredths of a percent of the larger amount.
    """

    minor: int
    bps: int
    currency: str = ""
    counterparty: str = ""

    def allows(self, difference: int, amount: int) -> bool:
        """Return whether a difference is inside."""
        return abs(difference) <= max(self.minor, abs(amount) * self.bps // 10_000)


@dataclass(frozen=True, slots=True)
class Rule:
    """One pass. Units: scores and margins are natural logarithms of odds; days count from left to right."""

    name: str
    shape: Shape
    amount: AmountGate = AmountGate.EQUAL
    needs: frozenset[Need] = frozenset()
    first_day: int | None = None
    last_day: int | None = None
    tolerances: tuple[Tolerance, ...] = ()
    kind: str = ""
    confirm_score: float = 5.0
    confirm_margin: float = 5.0
    suggest_score: float = 0.0
    prior: float = 0.0
    max_lines: int = 12
    keywords: tuple[str, ...] = ()

    def tolerance(self, currency: str, counterparty: str) -> Tolerance:
        """Return the most specific tolerance: by counterparty, then by currency, then the general one."""
        best = Tolerance(0, 0)
        rank = -1
        for one in self.tolerances:
            if one.currency not in ("", currency) or one.counterparty not in ("", counterparty):
                continue
            specific = 2 * bool(one.counterparty) + bool(one.currency)
            if specific > rank:
                best, rank = one, specific
        return best


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Ordered passes and the version that every match names."""

    version: str
    rules: tuple[Rule, ...]
