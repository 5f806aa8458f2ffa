"""Reads the rules of risk from YAML: which payments are noted, held or rejected, and why. docs/risk.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from schemas.files.owned import Entry, parse_owned
from schemas.files.yaml_lines import Misfits, near
from streams.domain.risk import policy
from streams.domain.risk.engine import plain
from streams.domain.risk.facts import Key
from streams.domain.risk.policy import Policy, Weight
from streams.domain.risk.state import MOST_KEPT
from streams.rules.alerts import Duration
from streams.rules.mapping import HIGHEST_VERSION, limits_of_money

# Rules to begin with; none are in force until a person adopts some.
SUGGESTED_RULES = Path(__file__).with_name("suggested") / "risk-rules.yaml"
_LONGEST_S: Final = 730 * 86_400
# As PayTrace's help page lists its answers: phrases, no codes. An empty answer says that none was asked or given.
AVS_ANSWERS: Final = (
    "Full Exact Match",
    "Address Match Only",
    "Zip Match Only",
    "No Match",
    "Address Unavailable",
    "Non-US Issuer does not participate",
    "Issuer System Unavailable",
    "Not a Mail/Phone Order",
    "Service Not Supported",
    "Address and ZIP code match (International only)",
    "Address not verified (International only)",
)
CSC_ANSWERS: Final = ("Match", "No Match", "Not Processed", "Not Present", "Issuer Does Not Support CSC")
# Kind -> the entries that it must have, and those that it may have besides.
_ENTRIES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "velocity": (("by", "within"), ("at_most", "at_most_minor")),
    "amount_against_history": (("by", "within", "at_least", "times"), ()),
    "answers": ((), ("avs", "csc")),
    "country_mismatch": ((), ("alike",)),
    "duplicate_charge": (("by", "within"), ()),
    "refund_without_sale": (("by", "within"), ()),
    "card_testing": (("by", "within", "small_minor", "declines"), ("cards", "declined_percent")),
}
_OF_KINDS: Final = sorted({name for must, may in _ENTRIES.values() for name in (*must, *may)})

_Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class _Rule(Entry):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    kind: Literal[
        "velocity",
        "amount_against_history",
        "answers",
        "country_mismatch",
        "duplicate_charge",
        "refund_without_sale",
        "card_testing",
    ]
    then: Literal["note", "hold", "reject"]
    why: str = Field(min_length=1, max_length=300)
    from_minor: Mapping[str, int] = {}
    by: Literal["card", "customer", "address", "merchant"] | None = None
    within: Duration | None = None
    at_most: int | None = Field(default=None, ge=0, lt=MOST_KEPT)
    at_most_minor: Mapping[str, int] | None = None
    at_least: int | None = Field(default=None, ge=1, lt=MOST_KEPT)
    times: Decimal | None = Field(default=None, gt=1, le=1_000)
    avs: tuple[str, ...] | None = Field(default=None, min_length=1)
    csc: tuple[str, ...] | None = Field(default=None, min_length=1)
    alike: tuple[Annotated[tuple[_Country, ...], Field(min_length=2)], ...] | None = None
    small_minor: Mapping[str, int] | None = Field(default=None, min_length=1)
    declines: int | None = Field(default=None, ge=1, lt=MOST_KEPT)
    cards: int | None = Field(default=None, ge=1, lt=MOST_KEPT)
    declined_percent: int | None = Field(default=None, ge=1, le=100)

    @field_validator("from_minor", "at_most_minor", "small_minor")
    @classmethod
    def _are_money(cls, limits: Mapping[str, int] | None) -> Mapping[str, int] | None:
        return None if limits is None else limits_of_money(limits)

    @field_validator("within")
    @classmethod
    def _is_a_window(cls, seconds: float | None) -> float | None:
        if seconds is not None and not 0 < seconds <= _LONGEST_S:
            raise Misfits(
                [((), f"is {int(seconds)} seconds; write more than nothing and at most {_LONGEST_S // 86_400}d")]
            )
        return seconds

    @field_validator("avs")
    @classmethod
    def _are_avs(cls, answers: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return _known_answers(answers, AVS_ANSWERS)

    @field_validator("csc")
    @classmethod
    def _are_csc(cls, answers: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return _known_answers(answers, CSC_ANSWERS)

    @model_validator(mode="after")
    def _has_the_entries_of_its_kind(self) -> _Rule:
        must, may = _ENTRIES[self.kind]
        found: list[tuple[tuple[str | int, ...], str]] = [
            ((name,), f"is missing; a rule of kind {self.kind} needs it")
            for name in must
            if getattr(self, name) is None
        ]
        found += [
            ((name,), f"means nothing to kind {self.kind}, which reads {', '.join((*must, *may))}; remove it")
            for name in _OF_KINDS
            if name not in (*must, *may) and getattr(self, name) is not None
        ]
        if self.kind == "velocity" and self.at_most is None and not self.at_most_minor:
            found.append((("at_most",), "is missing; write at_most, at_most_minor or both"))
        if self.kind == "answers" and self.avs is None and self.csc is None:
            found.append((("avs",), "is missing; write avs, csc or both"))
        if self.kind == "refund_without_sale" and self.then == "reject":
            found.append(
                (("then",), "is reject, but a refund that PayTrace made can't be rejected; write hold or note")
            )
        if found:
            raise Misfits(found)
        return self


class _Risk(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    notes_hold: int = Field(default=2, ge=1, le=100)
    rules: tuple[_Rule, ...]

    @model_validator(mode="after")
    def _names_are_once(self) -> _Risk:
        names = [rule.name for rule in self.rules]
        found = [(("rules", n), f"is the second rule {name!r}; give it another name") for n, name in enumerate(names)
                 if name in names[:n]]  # fmt: skip
        if found:
            raise Misfits(found)
        return self


def _known_answers(answers: tuple[str, ...] | None, known: tuple[str, ...]) -> tuple[str, ...] | None:
    by_plain = {plain(one): one for one in known}
    found = [((n,), f"is {one[:60]!r}, which PayTrace never says; {near(one, known, f'write one of {known}')}")
             for n, one in enumerate(answers or ()) if plain(one) not in by_plain]  # fmt: skip
    if found:
        raise Misfits(found)
    return answers


def read_risk_rules(text: str, file: str) -> Policy:
    """Return the policy that a text of rules states.

    Raises: FileInvalid naming each entry that does not fit, with its line.
    """
    found = parse_owned(text, _Risk, file=file)
    return Policy(found.version, found.notes_hold, tuple(map(_value, found.rules)))


def _value(rule: _Rule) -> policy.Rule:
    """Return a rule as a value; what its kind needs was found to be there."""
    given: Any = rule
    head = policy.Head(rule.name, rule.why, Weight(rule.then), rule.from_minor)
    by = Key(given.by) if rule.by else Key.MERCHANT
    within = timedelta(seconds=rule.within or 0)
    match rule.kind:
        case "velocity":
            return policy.Velocity(head, by, within, rule.at_most, rule.at_most_minor or {})
        case "amount_against_history":
            return policy.AmountAgainstHistory(head, by, within, given.at_least, given.times)
        case "answers":
            return policy.Answers(head, frozenset(map(plain, rule.avs or ())), frozenset(map(plain, rule.csc or ())))
        case "country_mismatch":
            return policy.CountryMismatch(head, tuple(map(frozenset, rule.alike or ())))
        case "duplicate_charge":
            return policy.DuplicateCharge(head, by, within)
        case "refund_without_sale":
            return policy.RefundWithoutSale(head, by, within)
        case "card_testing":
            return policy.CardTesting(
                head, by, within, given.small_minor, given.declines, rule.cards or 1, rule.declined_percent or 1
            )
