"""What people have laid down for receivables, as one value that is handed into `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from reconcile.engine.learn import Model
from reconcile.engine.rules import Need, RuleSet
from streams.domain.accounts import AccountMapping
from streams.domain.choices import Choices


@dataclass(frozen=True, slots=True)
class WriteOffLimits:
    """What may be written off of one item. Units: minor units of each currency."""

    version: int
    limits_minor: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Policy:
    """How open items are matched, how much may be written off, which accounts documents get, what is done by rule.

    model is what the engine knows beforehand: how distinctive words and amounts are.
    """

    rules: RuleSet
    model: Model
    write_offs: WriteOffLimits
    mapping: AccountMapping

    @property
    def choices(self) -> Choices:
        """What finance chose where accounting leaves a choice."""
        return self.mapping.policies

    @property
    def rule_version(self) -> int:
        """The version of the rules, which every match and suggestion names."""
        return int(self.rules.version)

    @cached_property
    def rules_for_named(self) -> frozenset[str]:
        """The rules that say something of a payment only if it names an invoice."""
        return frozenset(rule.name for rule in self.rules.rules if Need.REFERENCE in rule.needs)
