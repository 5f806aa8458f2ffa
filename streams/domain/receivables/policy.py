"""What people have laid down for receivables, as one value that is handed into `decide`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

from reconcile.engine.rules import Need, RuleSet


@dataclass(frozen=True, slots=True)
class WriteOffLimits:
    """What may be written off of one item. Units: minor units of each currency."""

    version: int
    limits_minor: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Policy:
    """How open items are matched, and how much may be written off."""

    rules: RuleSet
    write_offs: WriteOffLimits

    @property
    def rule_version(self) -> int:
        """The version of the rules, which every match and suggestion names."""
        return int(self.rules.version)

    @cached_property
    def rules_for_named(self) -> frozenset[str]:
        """The rules that say something of a payment only if it names an invoice."""
        return frozenset(rule.name for rule in self.rules.rules if Need.REFERENCE in rule.needs)


_OF_THIS_DECISION: ContextVar[Policy] = ContextVar("policy of this decision")


@contextmanager
def decided_by(policy: Policy) -> Iterator[None]:
    """Decide by this policy until the block ends."""
    token = _OF_THIS_DECISION.set(policy)
    try:
        yield
    finally:
        _OF_THIS_DECISION.reset(token)


def policy() -> Policy:
    """The policy of the decision that is being taken."""
    return _OF_THIS_DECISION.get()
