"""The limits and rules that people own, as one value that is handed into `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import yaml

from reconcile.engine.rules import Need, RuleSet, parse_rules

RULES_FILE = Path(__file__).with_name("open_item_rules.yaml")
LIMITS_FILE = Path(__file__).with_name("write_off_limits.yaml")


@dataclass(frozen=True, slots=True)
class WriteOffLimits:
    """What may be written off of one item. Units: minor units of each currency."""

    version: int
    limits_minor: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Policy:
    """What people have laid down: how open items are matched, and how much may be written off."""

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


@cache
def shipped() -> Policy:
    """Return the rules and limits that come with Saldo.

    Raises: RulesInvalid naming file, line and remedy.
    """
    limits = yaml.safe_load(LIMITS_FILE.read_text("utf-8"))
    return Policy(
        rules=parse_rules(RULES_FILE.read_text("utf-8"), RULES_FILE.name),
        write_offs=WriteOffLimits(
            int(limits["version"]), {str(name): int(minor) for name, minor in limits["limits_minor"].items()}
        ),
    )
