"""Reads matching rules from YAML: the rules of a run are refused as a whole if one of them can't be understood.

So no payment is ever judged by half a rule. docs/matching.md explains every key with an example.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from reconcile.engine.rules import AmountGate, Need, Rule, RuleSet, Shape, Tolerance
from reconcile.files.texts import Text
from schemas.files.owned import Entry, parse_owned, text_of
from schemas.files.yaml_lines import Misfits
from schemas.files.yaml_lines import Path as YamlPath

DEFAULT_RULES = Path(__file__).with_name("default_rules.yaml")


class ToleranceEntry(Entry):
    """How far two amounts may be apart. Units: minor units, hundredths of a percent."""

    minor: int = Field(default=0, ge=0)
    bps: int = Field(default=0, ge=0, le=10_000)
    currency: Text = ""
    counterparty: Text = ""


class Confirm(Entry):
    """What is sure. Units: natural logarithms of odds."""

    score: float = 5.0
    margin: float = 5.0


class Suggest(Entry):
    """What a person is asked about."""

    score: float = 0.0


class RuleEntry(Entry):
    """One rule as a file writes it."""

    name: str = Field(min_length=1)
    shape: Shape
    amount: AmountGate = AmountGate.EQUAL
    needs: frozenset[Need] = frozenset()
    days: tuple[int, int] | None = None
    tolerances: tuple[ToleranceEntry, ...] = ()
    kind: str = ""
    confirm: Confirm = Confirm()
    suggest: Suggest = Suggest()
    prior: float = 0.0
    max_lines: int = Field(default=12, ge=2)
    keywords: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found: list[tuple[YamlPath, str]] = []
        if self.days is not None and self.days[0] > self.days[1]:
            found.append((("days",), f"is {list(self.days)}; first <= last, such as [-3, 10]"))
        if self.amount is AmountGate.TOLERANCE and not self.tolerances:
            found.append(((), "allows a tolerance and names none; write tolerances: [{minor: 500, bps: 50}]"))
        if self.suggest.score > self.confirm.score:
            found.append((("suggest", "score"), "is above confirm.score; make it that or less"))
        if found:
            raise Misfits(found)
        return self

    def as_rule(self) -> Rule:
        """Return the rule as the engine takes it."""
        first, last = self.days or (None, None)
        return Rule(
            name=self.name,
            shape=self.shape,
            amount=self.amount,
            needs=self.needs,
            first_day=first,
            last_day=last,
            tolerances=tuple(Tolerance(one.minor, one.bps, one.currency, one.counterparty) for one in self.tolerances),
            kind=self.kind,
            confirm_score=self.confirm.score,
            confirm_margin=self.confirm.margin,
            suggest_score=self.suggest.score,
            prior=self.prior,
            max_lines=self.max_lines,
            keywords=self.keywords,
        )


class RulesFile(Entry):
    """The rules in order, and the version that every match names."""

    version: Text = Field(min_length=1)
    rules: tuple[RuleEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = [(at, name) for at, name in enumerate(names) if name in names[:at]]
        if twice:
            raise Misfits(
                (("rules", at, "name"), f"is {name!r} a second time; give it its own: reports count by it")
                for at, name in twice
            )
        return self


def parse_rules(text: str, file: str = "rules") -> RuleSet:
    """Read rules from text; `file` names it in messages.

    Raises: FileInvalid with every problem, each with line and remedy.
    """
    found = parse_owned(text, RulesFile, file=file)
    return RuleSet(found.version, tuple(rule.as_rule() for rule in found.rules))


def read_rules(path: Path) -> RuleSet:
    """Read a file of rules; raises as `parse_rules`."""
    return parse_rules(text_of(path), str(path))
