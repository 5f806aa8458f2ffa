"""Matching rules as data: which lines a pass may bring together, within which tolerances, and when it is sure.

Rules are read from YAML (`default_rules.yaml`, or a profile that replaces or extends it). A rule that can't be
understood is refused at the start with file, line and remedy, so that no payment is ever judged by half a rule.
docs/matching.md shows how to add one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml


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
        """Whether a difference is inside."""
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
        """The most specific tolerance: by counterparty, then by currency, then the general one."""
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
    options: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One thing wrong in a rules file."""

    file: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}. {self.remedy}"


class RulesInvalid(ValueError):
    """The rules file can't be used; problems lists everything found at once."""

    def __init__(self, problems: tuple[RuleProblem, ...]):
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


_RULE_KEYS = {
    "name",
    "shape",
    "amount",
    "needs",
    "days",
    "tolerances",
    "kind",
    "confirm",
    "suggest",
    "prior",
    "max_lines",
    "keywords",
}


def parse_rules(text: str, file: str = "rules") -> RuleSet:
    """Read a rule set from YAML text.

    Raises: RulesInvalid with every problem found, each with its line and a remedy.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise RulesInvalid((RuleProblem(file, line, "not YAML", "Check indentation, colons and quotes"),)) from error
    reader = _Reader(file)
    rule_set = reader.rule_set(node)
    if reader.problems or rule_set is None:
        raise RulesInvalid(tuple(reader.problems))
    return rule_set


class _Reader:
    """Walks the YAML nodes, which know their lines, and collects problems instead of stopping at the first."""

    def __init__(self, file: str):
        self.file = file
        self.problems: list[RuleProblem] = []

    def problem(self, node: yaml.Node | None, what: str, remedy: str) -> None:
        line = node.start_mark.line + 1 if node is not None else 1
        self.problems.append(RuleProblem(self.file, line, what, remedy))

    def pairs(self, node: yaml.Node, what: str, allowed: set[str]) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, f"{what} must be a mapping", f"Write it as `key: value` with {sorted(allowed)}")
            return
        seen: set[str] = set()
        for key_node, value in node.value:
            key = str(getattr(key_node, "value", ""))
            if key not in allowed:
                self.problem(key_node, f"unknown key {key!r} in {what}", f"Use one of {sorted(allowed)}")
            elif key in seen:
                self.problem(key_node, f"{key!r} is given twice in {what}", "Keep one of them")
            else:
                seen.add(key)
                yield key, value

    def rule_set(self, node: yaml.Node | None) -> RuleSet | None:
        if node is None:
            self.problem(None, "the file is empty", "Start from default_rules.yaml")
            return None
        version = ""
        rules: list[Rule] = []
        options: dict[str, float] = {}
        for key, value in self.pairs(node, "the rules file", {"version", "rules", "options"}):
            if key == "version":
                version = self.scalar(value, str) or ""
            elif key == "options":
                for name, number in self.pairs(value, "options", {"prior_period_days"}):
                    options[name] = self.scalar(number, float) or 0.0
            elif isinstance(value, yaml.SequenceNode):
                rules = [rule for item in value.value if (rule := self.rule(item)) is not None]
                self.unique_names(value, rules)
            else:
                self.problem(value, "rules must be a list", "Start each rule with `- name: ...`")
        if not version:
            self.problem(node, "no version", "Add `version: 1`; it is named in every match")
        if not rules and not self.problems:
            self.problem(node, "no rules", "Add at least one rule")
        return RuleSet(version, tuple(rules), options)

    def unique_names(self, node: yaml.Node, rules: list[Rule]) -> None:
        names = [rule.name for rule in rules]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.problem(node, f"two rules are called {name!r}", "Give each rule its own name: reports count by it")

    def rule(self, node: yaml.Node) -> Rule | None:
        values: dict[str, Any] = {}
        for key, value in self.pairs(node, "a rule", _RULE_KEYS):
            values.update(self.rule_value(key, value))
        if "name" not in values:
            self.problem(node, "a rule without a name", "Add `name: what-it-finds`")
            return None
        if "shape" not in values:
            self.problem(node, f"rule {values['name']!r} has no shape", f"Add `shape:`, one of {_names(Shape)}")
            return None
        rule = Rule(**values)
        if rule.amount is AmountGate.TOLERANCE and not rule.tolerances:
            self.problem(
                node,
                f"rule {rule.name!r} allows a tolerance but names none",
                "Add `tolerances: [{minor: 500, bps: 50}]`",
            )
        if rule.suggest_score > rule.confirm_score:
            self.problem(
                node, f"rule {rule.name!r} suggests only above what it confirms", "Make suggest.score <= confirm.score"
            )
        return rule

    def rule_value(self, key: str, node: yaml.Node) -> dict[str, Any]:
        if key == "shape":
            return {"shape": self.choice(node, Shape)}
        if key == "amount":
            return {"amount": self.choice(node, AmountGate)}
        if key == "needs":
            return {"needs": frozenset(self.choice(item, Need) for item in self.items(node))}
        if key == "keywords":
            return {"keywords": tuple(self.scalar(item, str) or "" for item in self.items(node))}
        if key == "tolerances":
            return {"tolerances": tuple(self.tolerance(item) for item in self.items(node))}
        if key in ("confirm", "suggest"):
            return {
                f"{key}_{name}": self.scalar(value, float) or 0.0
                for name, value in self.pairs(node, key, {"score", "margin"} if key == "confirm" else {"score"})
            }
        if key == "days":
            days = [self.scalar(item, int) for item in self.items(node)]
            if len(days) != 2 or None in days or days[0] > days[1]:
                self.problem(node, "days must be two whole numbers, first <= last", "Write `days: [-3, 10]`")
                return {}
            return {"first_day": days[0], "last_day": days[1]}
        if key == "max_lines":
            return {"max_lines": self.scalar(node, int) or 2}
        if key == "prior":
            return {"prior": self.scalar(node, float) or 0.0}
        return {key: self.scalar(node, str) or ""}

    def tolerance(self, node: yaml.Node) -> Tolerance:
        values: dict[str, Any] = {"minor": 0, "bps": 0}
        for key, value in self.pairs(node, "a tolerance", {"minor", "bps", "currency", "counterparty"}):
            values[key] = self.scalar(value, int if key in ("minor", "bps") else str) or values.get(key, "")
        return Tolerance(**values)

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        self.problem(node, "a list is expected here", "Write it as `[a, b]`")
        return []

    def choice(self, node: yaml.Node, options: type[StrEnum]) -> Any:
        value = str(getattr(node, "value", ""))
        try:
            return options(value)
        except ValueError:
            self.problem(node, f"{value!r} is not known here", f"Use one of {_names(options)}")
            return next(iter(options))

    def scalar(self, node: yaml.Node, wanted: type) -> Any:
        value = getattr(node, "value", None)
        try:
            return wanted(value)
        except (TypeError, ValueError):
            self.problem(node, f"{value!r} is not a {wanted.__name__}", f"Write a {wanted.__name__}")
            return None


def _names(options: type[StrEnum]) -> list[str]:
    return [option.value for option in options]
