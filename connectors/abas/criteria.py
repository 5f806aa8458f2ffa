"""Selections for abas queries: built from parts, never from pasted text. For client, source and sink.

How abas escapes `;`, `!` or a backtick inside a value is known nowhere, so a value may hold only characters that
can't mean anything in a selection; any other value is refused before it leaves us.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from connectors.abas.errors import AbasValueNotAllowed

# Letters of any alphabet, digits, and the marks that occur in numbers, ids, dates, search words and e-mail addresses. A
# part of a selection that begins with @ is an option; within a value it is taken for a letter.
_SAFE_VALUE = re.compile(r"(?!@)[\w\-./:,()#+ @]{1,200}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\^[A-Za-z][A-Za-z0-9_]*)*")


class Filing(StrEnum):
    """Which records a selection sees: abas moves finished ones out of the active set."""

    ACTIVE = "(Active)"
    FILED = "(Filed)"
    BOTH = "(Both)"


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions, all of which must hold, plus filing and order."""

    conditions: tuple[str, ...] = ()
    filing: Filing = Filing.ACTIVE
    order_by: str | None = None

    def parts(self, order_option: str) -> tuple[str, ...]:
        """List the selection's parts as abas reads them; order_option holds one {field}."""
        order = (order_option.format(field=checked_field(self.order_by)),) if self.order_by else ()
        return (*self.conditions, f"@filingmode={self.filing}", *order)


def equals(field_name: str, value: str) -> str:
    """Build `field==value`.

    Raises: AbasValueNotAllowed when the value holds a character that a selection may read as its own.
    """
    return f"{checked_field(field_name)}=={checked_value(value)}"


def at_least(field_name: str, value: str) -> str:
    """Build `field=value!`, the range from value upward, inclusive."""
    return f"{checked_field(field_name)}={checked_value(value)}!"


def not_empty(field_name: str) -> str:
    """Build the condition that the field holds something."""
    return f"{checked_field(field_name)}<>`"


def is_safe(value: str) -> bool:
    """Return whether a value may stand in a selection."""
    return _SAFE_VALUE.fullmatch(value) is not None


def checked_field(name: str) -> str:
    """Return the field name when it is one.

    Raises: AbasValueNotAllowed otherwise.
    """
    if not _FIELD.fullmatch(name):
        raise AbasValueNotAllowed(f"{name!r} is no abas field name")
    return name


def checked_value(value: str) -> str:
    """Return the value when every character is harmless in a selection.

    Raises: AbasValueNotAllowed otherwise; the message shows the characters, not the value.
    """
    if not _SAFE_VALUE.fullmatch(value):
        strange = "".join(sorted(set(re.sub(r"[\w\-./:,()#+ @]", "", value)))) or "nothing or too much"
        raise AbasValueNotAllowed(f"a value with {strange!r} can't be put into an abas selection safely")
    return value
