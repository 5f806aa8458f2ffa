"""PayTrace's words and what each of them says; what is not listed here says nothing.

For every mapping of this room. A word counts as a whole and exactly: in any case, with blanks around it or several in a
row, and never as a part of a longer text, because "Not yet settled" and "Settled" differ in a part. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from schemas.records.payments import TransactionKind, TransactionStatus


class CardWord(StrEnum):
    """What one word of a card row's status says, before it is held against the other cells of the row."""

    SETTLED = "SETTLED"
    PENDING = "PENDING"
    AUTHORIZED = "AUTHORIZED"
    VOIDED = "VOIDED"
    VOIDED_BY_RULE = "VOIDED_BY_RULE"
    DECLINED = "DECLINED"


# status_message of the v1 card export, or status_code where it holds more than a letter. "Pending Settlement" and
# "Authorization Only" were seen live, "Settled" and the declines are documented; of voids and declines PayTrace
# documents only that the text contains VOID or DECL, so the likely ones stand here and any other waits for a person.
CARD_WORDS: Final[Mapping[str, CardWord]] = {
    "SETTLED": CardWord.SETTLED,
    "PENDING SETTLEMENT": CardWord.PENDING,
    "PENDING": CardWord.PENDING,
    "AUTHORIZATION ONLY": CardWord.AUTHORIZED,
    "AUTHORIZED": CardWord.AUTHORIZED,
    "VOID": CardWord.VOIDED,
    "VOIDED": CardWord.VOIDED,
    "TRANSACTION VOIDED": CardWord.VOIDED,
    "VOIDED - AVS": CardWord.VOIDED_BY_RULE,
    "VOIDED - CSC": CardWord.VOIDED_BY_RULE,
    "DECLINE": CardWord.DECLINED,
    "DECLINED": CardWord.DECLINED,
    "DECLINE - DO NOT HONOR": CardWord.DECLINED,
    "EXPIRED CARD": CardWord.DECLINED,
    "EXPIRED CARD - EXPIRED CARD": CardWord.DECLINED,
}
# "GB or Settled, and the batch number will be appended", as the vendor's record schema is quoted.
_BATCH: Final = re.compile(r"(?:GB|SETTLED|SETTLED GB|SETTLED IN BATCH GB) ?(\d{1,9})", re.ASCII)
_SETTLED_ON: Final = re.compile(r"SETTLED(?: ON)? (?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])/20\d{2}", re.ASCII)

# transaction_type of the v1 card export. VOID and STR/FWD do not say what the transaction was before.
CARD_KINDS: Final[Mapping[str, TransactionKind]] = {
    "SALE": TransactionKind.SALE,
    "FORCE": TransactionKind.SALE,
    "AUTHORIZATION": TransactionKind.AUTHORIZATION,
    "CAPTURE": TransactionKind.AUTHORIZATION,
    "REFUND": TransactionKind.REFUND,
    "STR/FWD": TransactionKind.UNKNOWN,
    "VOID": TransactionKind.UNKNOWN,
}

# The status enum of the v3 ACH list; also assumed for the v1 check export.
ACH_STATUSES: Final[Mapping[str, TransactionStatus]] = {
    "INITIATED": TransactionStatus.ACH_PENDING,
    "VERIFYING": TransactionStatus.ACH_PENDING,
    "ACCEPTED": TransactionStatus.ACH_PENDING,
    "ORIGINATED": TransactionStatus.ACH_PENDING,
    "SETTLED": TransactionStatus.ACH_CLEARED,
    # Read as funded, as the reference reads it; how much of it is documented nowhere, raw keeps what was said.
    "PARTIALLY_SETTLED": TransactionStatus.ACH_CLEARED,
    "RETURNED": TransactionStatus.ACH_RETURNED,
    "VOIDED": TransactionStatus.VOIDED,
    "DECLINED": TransactionStatus.ACH_FAILED,
    "NSF_DECLINED": TransactionStatus.ACH_FAILED,
    "REJECTED": TransactionStatus.ACH_FAILED,
    "FAILED": TransactionStatus.ACH_FAILED,
    "ERROR": TransactionStatus.ACH_FAILED,
    "TECHNICAL_ERROR": TransactionStatus.ACH_FAILED,
}
# transaction_type of ACH rows, assumed: only debits can be made over the API, so a row without one is a debit. The v3
# list filters by digits 1 to 4 whose meaning is published nowhere; a row with one waits until it is listed here.
ACH_KINDS: Final[Mapping[str, TransactionKind]] = {
    "": TransactionKind.ACH_SALE,
    "SALE": TransactionKind.ACH_SALE,
    "DEBIT": TransactionKind.ACH_SALE,
    "HOLD": TransactionKind.ACH_SALE,  # announced by v1's hold call, and a debit once it is funded
    "REFUND": TransactionKind.ACH_REFUND,
    "CREDIT": TransactionKind.ACH_REFUND,
}

_RETURN_CODE: Final = re.compile(r"(R\d{2})(?:[^A-Z0-9].*)?", re.ASCII | re.DOTALL)

# What an export may say of finding nothing: one of these around one of the nouns of its own rows, as a whole. Another
# noun ("No merchant account found") is a wrong setting and never a day without money.
_NOTHING_FOUND: Final = re.compile(
    r"(?:THERE (?:WERE|ARE) )?NO (?:MATCHING )?(?P<noun>[A-Z]+(?: [A-Z]+)??) (?:WERE |WAS )?FOUND"
    r"(?: (?:FOR|IN|WITHIN|BETWEEN|ON) (?:THE |THESE |THIS |THAT |YOUR )?"
    r"(?:GIVEN |SPECIFIED |SELECTED |REQUESTED )?(?:DATES?|DAYS?|DATE RANGE|RANGE|PERIOD|CRITERIA|SEARCH))?\.?"
)
_ANY_ROWS: Final = frozenset({"RECORD", "RECORDS", "RESULT", "RESULTS", "DATA"})
NOTHING_FOUND_NOUNS: Final[Mapping[str, frozenset[str]]] = {
    "transactions": frozenset({"TRANSACTION", "TRANSACTIONS"}),
    "batches": frozenset({"BATCH", "BATCHES", "SETTLED BATCHES"}),
    "customers": frozenset({"CUSTOMER", "CUSTOMERS", "CUSTOMER PROFILES"}),
    "checks": frozenset({"CHECK", "CHECKS", "CHECK TRANSACTIONS"}),
    "recurrences": frozenset({"RECURRENCE", "RECURRENCES", "RECURRING TRANSACTIONS", "RECURRING PAYMENTS"}),
}
# What a successful export says instead of a list of its rows, where it leaves the list out.
_EXPORTED: Final = frozenset({"", "OK", "SUCCESS", "YOUR REQUEST HAS BEEN SUCCESSFULLY COMPLETED."})


def plain(text: str) -> str:
    """Return a word as the tables have it: upper case, blanks single and none around it.

    Other letters than ASCII stay.
    """
    word = " ".join(text.split())
    # Beyond ASCII some letters change into others when their case does: a long s would become an S.
    return word.upper() if word.isascii() else word


def batch_of(word: str) -> int | None:
    """Return the batch number that a plain word names as PayTrace documents it, else None; 0 is no batch."""
    found = _BATCH.fullmatch(word)
    return int(found[1]) or None if found else None


def card_word_of(word: str) -> CardWord | None:
    """Return what a plain word of a card row's status says; None when it is not listed."""
    if batch_of(word) is not None or _SETTLED_ON.fullmatch(word):
        return CardWord.SETTLED
    return CARD_WORDS.get(word)


def return_code_of(text: str) -> str | None:
    """Return the return reason (R01 ...) that a text begins with, else None."""
    found = _RETURN_CODE.fullmatch(text.strip().upper())
    return found[1] if found else None


def says_nothing_found(text: str, rows: str) -> bool:
    """Return whether a text says, and says only, that an export of these rows ("transactions") found none."""
    found = _NOTHING_FOUND.fullmatch(plain(text))
    return found is not None and found["noun"] in NOTHING_FOUND_NOUNS.get(rows, frozenset()) | _ANY_ROWS


def says_exported(text: str) -> bool:
    """Return whether a text may stand in an answer to an export that worked and lists no rows."""
    return plain(text) in _EXPORTED
