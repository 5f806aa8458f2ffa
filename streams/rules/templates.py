"""Texts with places for facts, `PayTrace {fee_kind} {value_on:%m/%Y}`: checked when read, then a pure function.

A place is a fact's name, or value_on; nothing else of Python's formats can be reached. Days take %d, %m, %Y and %y,
amounts one of four pictures, so that a text reads the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from string import Formatter

from schemas.files.yaml_lines import near
from streams.domain.accounts import FACTS, Facts, TextOf

DAY = "value_on"
_DAY_PARTS = re.compile(r"(?:%[dmYy]|[^%])*")
# How 1234.5 is written: the mark of thousands and that of decimals.
_PICTURES: Mapping[str, tuple[str, str]] = {
    "1234.50": ("", "."),
    "1,234.50": (",", "."),
    "1234,50": ("", ","),
    "1.234,50": (".", ","),
}

# What comes before a place, the place (None at the end), and its format.
Part = tuple[str, str | None, str]


class TemplateInvalid(ValueError):
    """A text that can't be filled in; says what is wrong and the remedy."""


def template(text: str) -> TextOf:
    """Return what fills in a text: from the facts of a line and its value date. A fact that is not known leaves no gap.

    Raises: TemplateInvalid.
    """
    parts = tuple(_parts(text))

    def filled(facts: Facts, on: date) -> str:
        shown = (before + ("" if name is None else _shown(name, spec, facts, on)) for before, name, spec in parts)
        return " ".join("".join(shown).split())

    return filled


def _parts(text: str) -> Iterator[Part]:
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise TemplateInvalid(f"has a brace too many or too few; write {{{{ and }}}} for braces: {error}") from None
    for before, name, spec, conversion in parsed:
        if name is not None:
            _check(name, spec or "", conversion)
        yield before, name, spec or ""


def _check(name: str, spec: str, conversion: str | None) -> None:
    known = [*FACTS, DAY]
    if name not in known:
        raise TemplateInvalid(f"{{{name}}} is no fact; {near(name, known)}")
    if conversion:
        raise TemplateInvalid(f"{{{name}!{conversion}}}: leave out !{conversion}")
    if name == DAY and not _DAY_PARTS.fullmatch(spec):
        raise TemplateInvalid(f"{{{name}:{spec}}} is no format of days; use %d, %m, %Y and %y")
    if name == "amount" and spec and spec not in _PICTURES:
        raise TemplateInvalid(f"{{{name}:{spec}}} is no format of amounts; write it as one of {', '.join(_PICTURES)}")
    if spec and name not in (DAY, "amount"):
        raise TemplateInvalid(f"{{{name}:{spec}}}: only {DAY} and amount have a format")


def _shown(name: str, spec: str, facts: Facts, on: date) -> str:
    if name == DAY:
        parts = {"%d": f"{on.day:02}", "%m": f"{on.month:02}", "%Y": f"{on.year:04}", "%y": f"{on.year % 100:02}"}
        return re.sub("%[dmYy]", lambda part: parts[part[0]], spec) if spec else on.isoformat()
    value = facts.get(name, "")
    if name != "amount" or not spec or not value:
        return value
    thousands, decimals = _PICTURES[spec]
    return f"{Decimal(value):,f}".translate({ord(","): thousands, ord("."): decimals})
