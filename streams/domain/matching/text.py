"""Words of a line: what is left of a text once case, accents, punctuation and legal forms are gone.

Decides nothing about matches. `learn.py` weighs these words by what the data itself shows, so this module needs no
list of banks, processors or vendors; it only knows how money texts are written.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from sys import intern

from streams.domain.matching.lines import Line


def word_set(text: str) -> frozenset[str]:
    """The words of a list written as prose."""
    return frozenset(text.split())


# Written forms of legal forms and joining words carry no identity: "Meier GmbH & Co. KG" and "MEIER" are one payer.
LEGAL_FORMS = word_set(
    "ag gmbh mbh kg kgaa ohg gbr ug ev eg se inc incorporated llc llp lp ltd limited plc corp corporation co "
    "company sa sas sarl srl spa sl bv nv oy ab as aps pty pte pvt kk sro doo zrt kft the and und et y of for"
)

# The other spellings that are the same everywhere in the trade; the data can't teach them from a single line.
SYNONYMS = {
    "chk": "check",
    "cheque": "check",
    "chq": "check",
    "ck": "check",
    "scheck": "check",
    "inv": "invoice",
    "invc": "invoice",
    "rechnung": "invoice",
    "rech": "invoice",
    "rg": "invoice",
    "rnr": "invoice",
    "renr": "invoice",
    "pmt": "payment",
    "pymt": "payment",
    "pymnt": "payment",
    "zahlung": "payment",
    "dep": "deposit",
    "rtn": "return",
    "ret": "return",
    "returned": "return",
    "intl": "international",
    "natl": "national",
    "svc": "services",
    "svcs": "services",
    "service": "services",
    "mfg": "manufacturing",
    "mgmt": "management",
    "grp": "group",
    "bros": "brothers",
    "technologies": "technology",
    "industry": "industries",
}

_WORDS = re.compile(r"[a-z0-9]+")
_LETTERS_DIGITS = re.compile(r"([a-z]+)0*(\d+)")
_SPELLED_UMLAUTS = (("ae", "a"), ("oe", "o"), ("ue", "u"))
_UMLAUTS = str.maketrans(
    {"'": "", "\u2019": "", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "&": " "}
)


def plain(text: str) -> str:
    """Lower case without accents; umlauts as the two letters that banks write for them."""
    lowered = text.casefold().translate(_UMLAUTS)
    if lowered.isascii():
        return lowered
    decomposed = unicodedata.normalize("NFKD", lowered)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@lru_cache(maxsize=16_384)
def words(text: str) -> tuple[str, ...]:
    """The words of a text in order: letters, numbers without leading zeros, and mixed codes in both readings.

    "INV-00123" gives ("invoice", "123"); "TXN00123" gives ("txn123", "123"), so that a payer who wrote only
    the number still shares a word with one who wrote the whole code.
    """
    found: list[str] = []
    for raw in _WORDS.findall(plain(text)):
        if raw.isdigit():
            found.append(number(raw))
        elif raw.isalpha():
            if raw not in LEGAL_FORMS:
                found.append(intern(SYNONYMS.get(raw) or folded(raw)))
        else:
            code = _LETTERS_DIGITS.fullmatch(raw)
            if code:
                found.append(code[1] + code[2])
                if len(code[2]) >= 3:
                    found.append(number(code[2]))
            else:
                found.append(raw)
    return tuple(found)


def folded(word: str) -> str:
    """A word of which Mueller, Muller and Müller are one spelling."""
    if len(word) >= 5:
        for pair, letter in _SPELLED_UMLAUTS:
            word = word.replace(pair, letter)
    return word


def number(digits: str) -> str:
    """A number without leading zeros, unless nothing telling would be left of it."""
    stripped = digits.lstrip("0")
    return stripped if len(stripped) >= 3 else digits


def squashed(text: str) -> str:
    """Only letters and digits of a text: what a bank leaves that drops spaces."""
    return "".join(folded(word) for word in _WORDS.findall(plain(text)))


@lru_cache(maxsize=65_536)
def kind(word: str) -> tuple[str, ...]:
    """The class of a word, from which a word too rare to have a record of its own borrows one."""
    if word.startswith("="):
        return ("reference",)
    if word.isalpha():
        return ("name",)
    if word.isdigit():
        return ("number", str(min(len(word), 12)))
    code = _LETTERS_DIGITS.fullmatch(word)
    return ("code", code[1] if code and len(code[1]) <= 4 else "", str(min(len(word), 12)))


def reference_word(reference: str) -> str:
    """A whole reference as one word, marked so that it only ever equals another whole reference."""
    match = _LETTERS_DIGITS.fullmatch(squashed(reference))
    body = match[1] + match[2] if match else squashed(reference).lstrip("0")
    return "=" + body if len(body) >= 3 else ""


def line_words(line: Line) -> tuple[str, ...]:
    """Every word of a line, once, in reading order: counterparty, text, references, then the extra columns."""
    seen: dict[str, None] = dict.fromkeys(words(line.counterparty))
    seen.update(dict.fromkeys(words(line.text)))
    for reference in line.references:
        seen.update(dict.fromkeys(words(reference)))
        whole = reference_word(reference)
        if whole:
            seen[whole] = None
    for value in line.extra.values():
        seen.update(dict.fromkeys(words(value)))
    return tuple(seen)
