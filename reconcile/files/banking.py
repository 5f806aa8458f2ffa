"""What the readers of bank statements share: references worth keeping, texts in one line, balances, accounts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from reconcile.files.errors import BadRow
from reconcile.files.masking import names_an_account
from reconcile.files.values import money

NOT_PROVIDED = frozenset({"NOTPROVIDED", "NONREF", "NOTAVAILABLE", "NULL", "NONE", ""})


MOST_SHOWN = 10  # accounts that a note lists
# A number as small as the place of a line in its file, alone or behind a day; of a table's own columns, a larger one.
_PLACE = re.compile(r"\W*0*\d{0,4}\W*")
_PLACE_IN_TABLE = re.compile(r"\W*(?:20\d{6}[-/_. ])?0*\d{0,6}\W*")
_CURRENCY_AT_END = re.compile(r"(?<=\d)[A-Z]{3}$")


class Accounts:
    """The bank accounts that a file names. Numbers stay in here; what is shown is their end, as in "..4567"."""

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}

    def label(self, written: str) -> str:
        """Return what is shown of an account; nothing for one without a number. Two accounts never have one label."""
        number = _CURRENCY_AT_END.sub("", _number(written))
        if not number:
            return ""
        if number not in self._labels:
            label = f"..{number[-4:]}"
            alike = sum(1 for one in self._labels.values() if one.partition("#")[0] == label)
            self._labels[number] = f"{label}#{alike + 1}" if alike else label
        return self._labels[number]

    @property
    def labels(self) -> list[str]:
        """All accounts of the file, as they are shown."""
        return list(self._labels.values())

    def note(self) -> str:
        """Return what to say of a file of several accounts; nothing of one."""
        shown = ", ".join(self.labels[:MOST_SHOWN]) + (", ..." if len(self.labels) > MOST_SHOWN else "")
        return f"the file holds {len(self.labels)} accounts, ending {shown}" if len(self.labels) > 1 else ""

    def ending(self, digits: str) -> list[str]:
        """Return the accounts whose number ends like this."""
        end = _number(digits)
        return [label for number, label in self._labels.items() if end and number.endswith(end)]


def _number(written: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", written.upper())


@dataclass(slots=True)
class Reading:
    """What a reader of statements is given and gives back beside its lines.

    Shapes: encoding and currency come from the profile; the currency counts where the file names none.
    """

    notes: list[str] = field(default_factory=list)
    encoding: str = ""
    currency: str = ""
    accounts: Accounts = field(default_factory=Accounts)


@dataclass(frozen=True, slots=True)
class Closed:
    """With what a page or statement opens and closes, in minor units, and its line; None where it does not say."""

    line: int
    opening_minor: int | None
    closing_minor: int | None


def statements_missing(file: str, chains: Mapping[tuple[str, str], Sequence[Closed]]) -> Iterator[BadRow]:
    """Yield what to say of statements that do not open with what the one before of their account closed with.

    Shapes: chains holds them by account and currency, in the order of the file; oldest or newest first, both do.
    """
    for (_, currency), chain in chains.items():
        steps = [list(pairwise(chain)), list(pairwise(chain[::-1]))]
        gaps = [[step for step in one if _gap(*step)] for one in steps]
        for before, after in min(gaps, key=len):
            yield BadRow(
                file,
                after.line,
                f"opens with {money(after.opening_minor or 0, currency)} {currency}, but the one before it of the same "
                f"account closes with {money(before.closing_minor or 0, currency)}: a page or statement is missing",
            )


def _gap(before: Closed, after: Closed) -> bool:
    said = before.closing_minor is not None and after.opening_minor is not None
    return said and before.closing_minor != after.opening_minor


def names_a_place(reference: str, table: bool = False) -> bool:
    """Return whether a reference may be no more than a line's place in its file (1, 0002): the next file gives it anew.

    The numbers of a table are those of the program that wrote it more often than the bank's (10017, 20261124-0001).
    """
    return (_PLACE_IN_TABLE if table else _PLACE).fullmatch(reference.strip()) is not None


def kept_references(found: Iterable[str | None]) -> tuple[str, ...]:
    """Return references that say something, each once: no placeholders, no account numbers."""
    clean = (re.sub(r"\s+", " ", ref).strip() for ref in found if ref)
    return tuple(dict.fromkeys(ref for ref in clean if ref.upper() not in NOT_PROVIDED and not names_an_account(ref)))


def joined(texts: Iterable[str | None]) -> str:
    """Pieces of text in one line, each once."""
    clean = (re.sub(r"\s+", " ", text).strip() for text in texts if text)
    return " ".join(dict.fromkeys(text for text in clean if text))


def balance_break(
    file: str, line: int, opening_minor: int, entries_minor: int, closing_minor: int, currency: str
) -> BadRow | None:
    """Return what to say of a statement whose opening balance and entries do not give its closing balance.

    None if they do.

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
