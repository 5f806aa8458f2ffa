"""Other people's text on its way to a person: what it may not do to a terminal, to JSON or to a spreadsheet.

Payers, customers and producers write names, notes and references. Such a text shall be read, and never act: no escape
sequence, no line of its own, no reversed reading order, no formula. A browser is guarded by the templates of the
console (autoescape). Pure; one function per format.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

# Cc: control characters, C1 too; Cf: invisible formatting, which reorders or hides; Zl, Zp: line and paragraph breaks;
# Cs, Co, Cn: nothing that a terminal can show. A soft hyphen and the joiners inside emoji and scripts are harmless.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
_HARMLESS = frozenset("\u00ad\u200c\u200d")
# The last four are the wide forms of the first.
FORMULA_STARTS = "=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20"
_LONGEST_CELL = 32_767
_CUT = " [cut here: a cell takes 32,767 characters]"
_NUMBER = re.compile(r"[-+]?\d[\d.,]*")
# A spreadsheet that separates cells by something else than we do begins a cell behind each of these.
_CELL_WITHIN = re.compile(r"([;\t\n]\s*)(?=[=@\uff1d\uff20]|[-+\uff0b\uff0d](?!\d))")
_KEPT_IN_CELLS = frozenset("\n\t")


def for_terminal(text: str) -> str:
    """Return the text as one line in which everything can be seen.

    A control character becomes its escape, backslash first.

    Ensures: the answer has no character that moves a cursor, breaks a line, changes colours or the reading order.
             A text that is safe comes back as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def for_json(value: Any, *, indent: int | None = None) -> str:
    """JSON that is safe on a terminal too; a JSON reader sees the same values."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # JSON escapes the characters below space itself, so a line break that is left is one of the indentation.
    return "".join(
        character if character == "\n" or not _is_unsafe(character) else json.dumps(character)[1:-1]
        for character in text
    )


def for_spreadsheet(value: Any) -> Any:
    """Return a cell that no spreadsheet executes: text that begins like a formula gets an apostrophe in front.

    The same within a text, behind what another spreadsheet takes for the end of a cell. Blanks of any kind before a
    formula do not hide it, and control characters but line breaks and tabs become their escapes. A plain negative
    number begins with "-" too and is left alone, and so is what is no text.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    text = "".join(one if one in _KEPT_IN_CELLS else _visible(one) for one in value)
    text = _CELL_WITHIN.sub(r"\1'", text)
    first = value[:1] if value[:1] in _KEPT_IN_CELLS else "".join(filter(_is_seen, value))[:1]
    return "'" + text if first and first in FORMULA_STARTS else text


def _is_seen(character: str) -> bool:
    return not character.isspace() and not _is_unsafe(character)


def for_workbook(text: str) -> str:
    """Return the text of a cell of a workbook, which the cell's type keeps from being a formula.

    Control characters are shown.

    A cell takes 32,767 characters; what is longer ends in a sign that says so.
    """
    shown = "".join(
        character if character in "\n\t" or not _is_unsafe(character) else _visible(character) for character in text
    )
    return shown if len(shown) <= _LONGEST_CELL else shown[: _LONGEST_CELL - len(_CUT)] + _CUT


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE_CATEGORIES and character not in _HARMLESS


def _visible(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii") if _is_unsafe(character) else character
