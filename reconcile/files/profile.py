"""A profile: what the columns of a file mean where they don't say so themselves, and which rules to use.

    left:
      columns: {id: Belegnr, date: Datum, amount: Betrag, text: [Buchungstext, Kommentar]}
      decimal: ","
      date_format: "%d.%m.%y"
      currency: EUR
      sign: -1
      period: 2026-12-28/2027-01-10
    right: {}
    rules: my-rules.yaml

Every wrong name is reported at once, with file, line and remedy, before any row is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reconcile.engine.rules import RuleSet, parse_rules
from reconcile.files.errors import ProfileInvalid
from reconcile.files.values import DateOrder, period_in

SINGLE = (
    "id",
    "date",
    "value_date",
    "amount",
    "amount_minor",
    "debit",
    "credit",
    "indicator",
    "currency",
    "counterparty",
    "batch_key",
    "account",
)
MANY = ("text", "reference", "extra", "ignore")
SETTINGS = ("columns", "decimal", "date_format", "currency", "sign", "period", "encoding", "delimiter", "sheet")
DEFAULT_RULES = Path(__file__).parent.parent / "engine" / "default_rules.yaml"


@dataclass(frozen=True, slots=True)
class SideProfile:
    """What is known about one file beforehand; empty means: find out."""

    columns: dict[str, list[str]] = field(default_factory=dict)
    decimal: str = ""
    date_format: str = ""
    currency: str = ""
    sign: int = 1
    period: str = ""
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """Both sides and the rules."""

    left: SideProfile
    right: SideProfile
    rules: RuleSet


def load_profile(path: Path | None) -> Profile:
    """Read a profile, or the defaults for None.

    Raises: ProfileInvalid, RulesInvalid.
    """
    if path is None:
        return Profile(SideProfile(), SideProfile(), load_rules(DEFAULT_RULES))
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise ProfileInvalid(
            [f"{path}:1: the profile can't be read: {error}. Check the path and the indentation"]
        ) from error
    problems: list[str] = []
    values: dict[str, Any] = {"left": SideProfile(), "right": SideProfile(), "rules": DEFAULT_RULES}
    for key, value in _pairs(path, node, ("left", "right", "rules"), problems):
        if key == "rules":
            values["rules"] = path.parent / str(value.value)
            if not values["rules"].is_file():
                problems.append(
                    f"{_at(path, value)}: no rules file {values['rules']}. Give its path relative to the profile"
                )
        else:
            values[key] = _side(path, value, problems)
    if problems:
        raise ProfileInvalid(problems)
    return Profile(values["left"], values["right"], load_rules(values["rules"]))


def load_rules(path: Path) -> RuleSet:
    """Read a rules file. Raises: RulesInvalid, ProfileInvalid for what is no text."""
    try:
        return parse_rules(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileInvalid([f"{path}:1: the rules can't be read: {error}. Save them as UTF-8 text"]) from error


def _side(path: Path, node: yaml.Node, problems: list[str]) -> SideProfile:
    values: dict[str, Any] = {}
    for key, value in _pairs(path, node, SETTINGS, problems):
        if key == "columns":
            values["columns"] = {
                meaning: _names(named) for meaning, named in _pairs(path, value, (*SINGLE, *MANY), problems)
            }
        elif key == "sign":
            if str(value.value) not in ("1", "-1", "+1"):
                problems.append(f"{_at(path, value)}: sign is {value.value!r}. Write 1 or -1")
            else:
                values["sign"] = int(value.value)
        elif key == "currency" and not (len(str(value.value)) == 3 and str(value.value).isalpha()):
            problems.append(f"{_at(path, value)}: currency is {value.value!r}. Write a three-letter code such as EUR")
        elif key == "period" and period_in(str(value.value), DateOrder(True)) is None:
            problems.append(f"{_at(path, value)}: period is {value.value!r}. Write 2026-12-01/2026-12-31, or a year")
        elif key == "decimal" and value.value not in (".", ","):
            problems.append(f'{_at(path, value)}: decimal is {value.value!r}. Write "." or ","')
        else:
            values[key] = str(value.value)
    return SideProfile(**values)


def _names(node: yaml.Node) -> list[str]:
    return [str(item.value) for item in node.value] if isinstance(node, yaml.SequenceNode) else [str(node.value)]


def _pairs(path: Path, node: yaml.Node | None, allowed: tuple[str, ...], problems: list[str]) -> list[tuple[str, Any]]:
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        problems.append(f"{_at(path, node)}: a mapping is expected. Use the keys {', '.join(allowed)}")
        return []
    found = []
    for key, value in node.value:
        if str(key.value) in allowed:
            found.append((str(key.value), value))
        else:
            problems.append(f"{_at(path, key)}: unknown key {key.value!r}. Use one of {', '.join(allowed)}")
    return found


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"
