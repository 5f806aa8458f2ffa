"""Whether a payer is a customer: names in full, cut, abbreviated to initials, or with another legal form.

Where `learn.py` weighs words by what two large books show, this compares one name with another; it serves cash
application, where the customers are a list and a payment names one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache

from rapidfuzz.distance import OSA

from reconcile.engine.text import plain, squashed, words

_INITIALS = re.compile(r"[A-Z]{2,5}")


class Fit(IntEnum):
    """How a payer fits a customer, worst first; `Parameters` say what each is worth."""

    OTHER = -1
    UNKNOWN = 0
    INITIALS = 1
    LIKELY = 2
    SAME = 3


@lru_cache(maxsize=65_536)
def party_fit(payer: str, text: str, customer: str) -> Fit:
    """Return how a payer (by name, or by the payment's text) fits a customer."""
    if not customer:
        return Fit.UNKNOWN
    best = Fit.UNKNOWN if not payer else _compare(payer, customer)
    if best < Fit.SAME and text:
        inside = _inside(text, customer)
        if inside > best:
            return inside
    return best


def _compare(payer: str, customer: str) -> Fit:
    mine, theirs = words(payer), words(customer)
    letters = [word for word in mine if word.isalpha()]
    names = [word for word in theirs if word.isalpha()]
    numbers, their_numbers = set(mine) - set(letters), set(theirs) - set(names)
    if numbers and their_numbers and numbers != their_numbers:
        return Fit.OTHER
    if numbers and not their_numbers:
        return Fit.OTHER
    whole = squashed(customer)
    initials = "".join(word[0] for word in names)
    hits = sum(1 for word in letters if _carried(word, names, whole) or (2 <= len(word) <= 4 and word in initials[1:]))
    if letters and hits == len(letters):
        if not numbers and their_numbers:
            return Fit.LIKELY  # "Meyer" for "Meyer Division 7": perhaps, if there is no plain Meyer
        return Fit.SAME
    if _is_initials(payer, customer):
        return Fit.INITIALS
    return Fit.UNKNOWN if hits else Fit.OTHER


def _carried(word: str, names: list[str], whole: str) -> bool:
    return any(
        other == word
        or (len(word) >= 3 and other.startswith(word))
        or (len(word) >= 4 and OSA.distance(word, other, score_cutoff=2) <= (1 if len(word) < 8 else 2))
        for other in names
    ) or (len(word) >= 4 and word in whole)


def _is_initials(payer: str, customer: str) -> bool:
    """CFD for Crestline Food Distributors, SEL for Sapphire Electronics Ltd, SLT for Silverline Telecom."""
    for token in _INITIALS.findall(payer):
        initials = "".join(word[0] for word in re.findall(r"[a-z0-9]+", plain(customer)))
        short = token.lower()
        if initials.startswith(short):
            return True
        if len(short) >= 3 and short[0] == initials[:1] and _in_sequence(short, squashed(customer)):
            return True
    return False


def _in_sequence(letters: str, text: str) -> bool:
    at = -1
    for letter in letters:
        at = text.find(letter, at + 1)
        if at < 0:
            return False
    return True


def _inside(text: str, customer: str) -> Fit:
    """Return a customer's whole name inside a longer text."""
    theirs = words(customer)
    mine = words(text)
    if not theirs:
        return Fit.UNKNOWN
    hits = sum(1 for word in theirs if word in mine or any(len(one) >= 4 and word.startswith(one) for one in mine))
    if hits == len(theirs):
        return Fit.SAME if len(theirs) > 1 or len(theirs[0]) >= 5 else Fit.UNKNOWN
    return Fit.UNKNOWN


class Parties:
    """The customers of an invoice list, found by payer."""

    def __init__(self, customers: Iterable[str]):
        self.customers = sorted(customers)
        self.by_start: dict[str, list[str]] = {}
        for customer in self.customers:
            for start in {word[:3] for word in words(customer)} | {squashed(customer)[:1]}:
                self.by_start.setdefault(start, []).append(customer)

    def like(self, payer: str, text: str) -> dict[str, Fit]:
        """Return the customers that a payer may be, and how each fits."""
        starts = {word[:3] for word in (*words(payer), *words(text))}
        starts |= {token[0].lower() for token in _INITIALS.findall(payer)}
        candidates = {customer for start in starts for customer in self.by_start.get(start, ())}
        fits = {customer: party_fit(payer, text, customer) for customer in sorted(candidates)}
        return {customer: fit for customer, fit in fits.items() if fit > Fit.UNKNOWN}
