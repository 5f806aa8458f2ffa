"""Labels of rows that are no lines: totals, and balances that are opened, closed or carried forward."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from reconcile.engine.text import plain, word_set
from reconcile.files.cells import text_of
from reconcile.files.values import CURRENCIES

TOTAL_WORDS = word_set(
    "total totals subtotal sum summe zwischensumme gesamt gesamtsumme saldo saldi balance kontostand anfangssaldo "
    "endsaldo uebertrag vortrag brought carried opening closing solde report totaal totale suma somme celkem razem "
    "osszesen yhteensa summa result ergebnis resultado итого остаток 合計 合计"
)
# What stands beside such a word in a label; with any other word it may be a name ("Total Energies", "New Balance").
LABEL_WORDS = word_set(
    "grand transactions transaction debits credits debit credit soll haben net all lines rows items of the at for per "
    "in am zum vom und and end start beginning begin period page account accounts amount ledger available bank current "
    "date forward down konto umsaetze eur usd gbp chf"
)
_OPENS = re.compile(
    r"\b(?:opening|closing|brought|carried|forward|beginning|ending|anfang\w*|end(?:saldo|bestand)|vortrag|\w*vortrag"
    r"|uebertrag|alter (?:konto)?(?:saldo|stand)|neuer (?:konto)?(?:saldo|stand)|kontostand (?:am|vom|zum)"
    r"|solde (?:initial|final)|saldo (?:inicial|final|iniziale|finale|anterior))\b"
)
_STARS = re.compile(r"\s*\*{1,5}\s*")


def names_a_total(text: str) -> bool:
    """Return whether a short text is the label of a total or of a balance carried forward."""
    words = {word for word in re.split(r"[\s\W\d_]+", plain(text)) if word}
    return bool(words & TOTAL_WORDS) and words <= TOTAL_WORDS | LABEL_WORDS


def begins_a_total(text: str) -> bool:
    """Return whether what stands in place of a date begins like a total: "Total for Checking"."""
    first = next((word for word in re.split(r"[\s\W\d_]+", plain(text)) if word), "")
    return first in TOTAL_WORDS


def names_a_balance(text: str) -> bool:
    """Return whether a text speaks of an opening, closing or carried balance."""
    return bool(_OPENS.search(plain(text)))


def marks_a_total(row: Sequence[Any]) -> bool:
    """Return whether the only words of a row are those of a total, or the stars by which lists of SAP mark one."""
    if any(_STARS.fullmatch(text_of(cell)) for cell in row if isinstance(cell, str)):
        return True
    words = [text for text in map(text_of, row) if any(char.isalpha() for char in text) and text not in CURRENCIES]
    return bool(words) and all(names_a_total(text) for text in words)
