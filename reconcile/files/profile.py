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
    column_names: my-column-names.yaml

Files that a profile names are looked for beside it. Every wrong name is reported at once, with file, line and remedy,
before any row is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from reconcile.engine.rules import RuleSet
from reconcile.files.rules import DEFAULT_RULES, read_rules
from reconcile.files.texts import Text
from reconcile.files.values import DateOrder, period_in
from schemas.files.owned import Entry, FileInvalid, parse_with_lines, problems_at, text_of

Meaning = Literal[
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
    "text",
    "reference",
    "extra",
    "ignore",
]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _readable(period: str) -> str:
    if period and period_in(period, DateOrder(True)) is None:
        raise ValueError(f"is {period!r}; write 2026-12-01/2026-12-31, or a year")
    return period


class SideProfile(Entry):
    """What is known about one file beforehand; empty means: find out."""

    columns: Mapping[Meaning, Annotated[tuple[Text, ...], BeforeValidator(_as_list)]] = Field(default_factory=dict)
    decimal: Literal["", ".", ","] = ""
    date_format: str = ""
    currency: Annotated[str, StringConstraints(pattern=r"^([A-Za-z]{3})?$")] = ""
    sign: Literal[1, -1] = 1
    period: Annotated[Text, AfterValidator(_readable)] = ""
    encoding: Text = ""
    delimiter: str = ""
    sheet: Text = ""


class ProfileFile(Entry):
    """A profile as its file writes it."""

    left: SideProfile = SideProfile()
    right: SideProfile = SideProfile()
    rules: Path | None = None
    column_names: Path | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """Files of the installation that count where a profile names none; None is what ships with Saldo."""

    rules: Path | None = None
    column_names: Path | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """Both sides, the rules, and a file of headers that are known besides those that ship with Saldo."""

    left: SideProfile
    right: SideProfile
    rules: RuleSet
    column_names: Path | None = None


def load_profile(path: Path | None, defaults: Defaults = Defaults()) -> Profile:  # it doesn't change
    """Read a profile, or the defaults for None.

    Raises: FileInvalid naming every problem.
    """
    found = ProfileFile()
    rules, names = defaults.rules, defaults.column_names
    if path is not None:
        found, lines = parse_with_lines(text_of(path), ProfileFile, file=str(path))
        named = {"rules": found.rules, "column_names": found.column_names}
        files = {entry: path.parent / file for entry, file in named.items() if file is not None}
        missing = [
            ((entry,), f"is {file}, which is no file; give its path relative to the profile")
            for entry, file in files.items()
            if not file.is_file()
        ]
        if missing:
            raise FileInvalid(problems_at(missing, lines, str(path)))
        rules, names = files.get("rules", rules), files.get("column_names", names)
    return Profile(found.left, found.right, read_rules(rules or DEFAULT_RULES), names)
