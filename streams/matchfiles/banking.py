"""What the readers of bank statements share: references worth keeping, account numbers that are not kept, balances.

An account number helps nobody to match a line and must not travel on, so an IBAN in any text is cut to its country and
last four characters, and so alike on both sides that it still agrees with itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from streams.domain.matching.lines import Line
from streams.matchfiles.errors import BadRow
from streams.matchfiles.values import money

NOT_PROVIDED = frozenset({"NOTPROVIDED", "NONREF", "NOTAVAILABLE", "NULL", "NONE", ""})
_IBAN = re.compile(r"\b([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b")


def masked(text: str) -> str:
    """Text whose IBANs are cut to country and last four: "DE89370400440532013000" becomes "DE..3000".

    Ensures: only what passes the check digits is cut, so that an order number that looks alike stays whole.
    """
    return _IBAN.sub(_cut, text) if any(char.isdigit() for char in text) else text


def without_accounts(line: Line) -> Line:
    """A line whose texts hold no whole IBAN."""
    texts = (line.text, line.counterparty, *line.references, *line.extra.values())
    if not any(_IBAN.search(text) for text in texts):
        return line
    return replace(
        line,
        text=masked(line.text),
        counterparty=masked(line.counterparty),
        references=tuple(masked(ref) for ref in line.references),
        extra={name: masked(value) for name, value in line.extra.items()},
    )


def _cut(found: re.Match[str]) -> str:
    # Words that follow an IBAN written in groups may look like one more group: the longest valid beginning counts.
    groups = found[1].split(" ")
    for end in range(len(groups), 0, -1):
        iban = "".join(groups[:end])
        if _checks(iban):
            return " ".join([f"{iban[:2]}..{iban[-4:]}", *groups[end:]])
    return found[1]


def _checks(iban: str) -> bool:
    # ISO 13616: letters count 10 to 35, the first four characters go last, the rest of a division by 97 is 1.
    return 15 <= len(iban) <= 34 and int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def kept_references(found: Iterable[str | None]) -> tuple[str, ...]:
    """References that say something, each once: no placeholders, no account numbers."""
    clean = (re.sub(r"\s+", " ", ref).strip() for ref in found if ref)
    return tuple(dict.fromkeys(ref for ref in clean if ref.upper() not in NOT_PROVIDED and masked(ref) == ref))


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
