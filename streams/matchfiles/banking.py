"""What the readers of bank statements share: references worth keeping, texts in one line, balances."""

from __future__ import annotations

import re
from collections.abc import Iterable

from streams.matchfiles.errors import BadRow
from streams.matchfiles.masking import names_an_account
from streams.matchfiles.values import money

NOT_PROVIDED = frozenset({"NOTPROVIDED", "NONREF", "NOTAVAILABLE", "NULL", "NONE", ""})


def kept_references(found: Iterable[str | None]) -> tuple[str, ...]:
    """References that say something, each once: no placeholders, no account numbers."""
    clean = (re.sub(r"\s+", " ", ref).strip() for ref in found if ref)
    return tuple(dict.fromkeys(ref for ref in clean if ref.upper() not in NOT_PROVIDED and not names_an_account(ref)))


def joined(texts: Iterable[str | None]) -> str:
    """Pieces of text in one line, each once."""
    clean = (re.sub(r"\s+", " ", text).strip() for text in texts if text)
    return " ".join(dict.fromkeys(text for text in clean if text))


def balance_break(
    file: str, line: int, opening_minor: int, entries_minor: int, closing_minor: int, currency: str
) -> BadRow | None:
    """What to say of a statement whose opening balance and entries do not give its closing balance; None if they do.

    It stands among the bad rows: an entry is missing, doubled or altered, and nobody should book from such a file.
    """
    gap = closing_minor - opening_minor - entries_minor
    if not gap:
        return None
    return BadRow(
        file,
        line,
        f"the statement does not add up: opening balance {money(opening_minor, currency)} and entries of "
        f"{money(entries_minor, currency)} are {money(gap, currency)} away from the closing balance "
        f"{money(closing_minor, currency)} {currency}; compare with the bank's paper statement",
    )
