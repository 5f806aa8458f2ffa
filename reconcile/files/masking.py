"""Card and account numbers in files that people hand in: masked before anything is matched or written.

A card number keeps its identity (schemas/checks/sensitive/identity.py), so an invoice number that looks like one still
matches. An account number helps nobody to match a line, and its last four stay.
"""

from __future__ import annotations

import re
from dataclasses import replace

from reconcile.engine.lines import Line
from schemas.checks.sensitive import mask_card_numbers

_EIGHT_DIGITS = re.compile(r"\d(?:[\W_]{0,3}\d){7}")  # no account number that counts here has fewer
_IBAN = re.compile(r"(?i)\b([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b")
# Ledger and customer accounts have up to seven digits, and are distinguished from a bank's by that.
_ACCOUNT = re.compile(
    r"(?i)\b((?:bank|giro)?(?:konto|kto)(?:[- ]?(?:nr|nummer|no))?|account(?: *(?:number|no|nr))?|acct|a/c"
    r"|compte|cuenta|conto|rekening)([\s.:#*-]{0,3})(\d{4,13})(\d{4})(?!\d)"
)
SHOWN = 40  # characters of a value that are quoted in a message


def masked(text: str) -> str:
    """Return text with card numbers masked, account numbers by their end, an IBAN as "DE..3000".

    Ensures: only what passes the check digits is taken for a card number or an IBAN, so that an order number that looks
             alike stays whole.
    """
    if not _EIGHT_DIGITS.search(text):
        return text
    text = _IBAN.sub(_cut, text)
    text = mask_card_numbers(text)
    return _ACCOUNT.sub(r"\1\2..\4", text)


def names_an_account(text: str) -> bool:
    """Return whether an IBAN stands in a text."""
    return _IBAN.sub(_cut, text) != text


def account_in(text: str) -> str:
    """Return the bank account that a heading names: its IBAN, or the number behind a word for an account.

    Nothing for none.

    It is for the reader alone: what is shown is masked.
    """
    for found in _IBAN.finditer(text):
        groups = found[1].split(" ")
        for end in range(len(groups), 0, -1):
            if _checks("".join(groups[:end]).upper()):
                return "".join(groups[:end])
    number = _ACCOUNT.search(text)
    return f"{number[3]}{number[4]}" if number else ""


def shown(value: object) -> str:
    """Return the beginning of a value in quotes, for a message."""
    return repr(masked(str(value))[:SHOWN])


def without_numbers(line: Line) -> Line:
    """Return a line that holds no whole card or account number."""
    if not any(map(_EIGHT_DIGITS.search, (line.id, line.text, line.counterparty, line.batch_key, line.bank_reference,
                                          *line.references, *line.extra.values()))):  # fmt: skip
        return line
    return replace(
        line,
        id=masked(line.id),
        text=masked(line.text),
        counterparty=masked(line.counterparty),
        references=tuple(map(masked, line.references)),
        batch_key=masked(line.batch_key),
        bank_reference=masked(line.bank_reference),
        extra={name: masked(value) for name, value in line.extra.items()},
    )


def _cut(found: re.Match[str]) -> str:
    # Words that follow an IBAN written in groups may look like one more group: the longest valid beginning counts.
    groups = found[1].split(" ")
    for end in range(len(groups), 0, -1):
        iban = "".join(groups[:end])
        if _checks(iban.upper()):
            return " ".join([f"{iban[:2].upper()}..{iban[-4:]}", *groups[end:]])
    return found[1]


def _checks(iban: str) -> bool:
    # ISO 13616: letters count 10 to 35, the first four characters go last, the rest of a division by 97 is 1.
    return 15 <= len(iban) <= 34 and int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1
