"""Words of a line: what is left of a text once case, accents, punctuation and legal forms are gone.

Decides nothing about matches. `learn.py` weighs these words by what the data itself shows, so this module needs no
list of banks, processors or vendors; it only knows how money texts are written.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from sys import intern

from reconcile.engine.lines import Line
from schemas.checks.sensitive import MASK, same_length_number


def word_set(text: str) -> frozenset[str]:
    """Return the words of a list written as prose."""
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

JOINT = "\x1f"  # stands between the year and the number of a document until the words are cut
_WORDS = re.compile(rf"20\d\d{JOINT}\d*|[a-z0-9]+")
# A number of a year ("2026/0012", "2026 12", "20260012"), as most books count their documents. Dates and amounts are
# left alone: a year behind a day or a month is a date's, and so is one before a month and a day.
_OF_A_YEAR = re.compile(
    r"(?<!\d)(?<!\d[./ -])(20[0-4]\d)"
    r"(?:[ /._#-]{1,3}(?!20[0-4]\d(?!\d))(?!(?:0?[1-9]|1[0-2])[./ -]\d{1,2}(?!\d))(\d{1,8})|(\d{3,8}))"
    r"(?!\d|[.,]\d\d(?!\d))",
    re.ASCII,
)
# The same with two digits of the year ("F-26/00091"), which only the whole number in one piece tells ("F2600091").
_OF_A_SHORT_YEAR = re.compile(r"(?<!\d)(?<!\d[./-])([0-4]\d)[/-](\d{4,6})(?!\d|[./-]\d)", re.ASCII)
_LETTERS_DIGITS = re.compile(r"([a-z]+)0*(\d+)")
_SPELLED_UMLAUTS = (("ae", "a"), ("oe", "o"), ("ue", "u"))
_UMLAUTS = str.maketrans(
    {
        "'": "",
        "\u2019": "",
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ß": "ss",
        "æ": "ae",
        "ø": "oe",
        "å": "aa",
        "ł": "l",
        "đ": "d",
        "\u0131": "i",
        "&": " ",
    }
)


def with_numbers(text: str) -> str:
    """Return a text with a long number in place of each mask: two masks of one number are one number here as well.

    A mask would fall into its last four and its digest, and the last four alone are another document's number.
    """
    return MASK.sub(same_length_number, text) if "*" in text else text


def plain(text: str) -> str:
    """Lower case without accents; umlauts as the two letters that banks write for them; masks as numbers."""
    lowered = with_numbers(text).casefold().translate(_UMLAUTS)
    if lowered.isascii():
        return lowered
    decomposed = unicodedata.normalize("NFKD", lowered)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@lru_cache(maxsize=16_384)
def words(text: str) -> tuple[str, ...]:
    """Return the words of a text in order: letters, numbers without leading zeros, and mixed codes in both readings.

    "INV-00123" gives ("invoice", "123"); "TXN00123" gives ("txn123", "123"), so that a payer who wrote only
    the number still shares a word with one who wrote the whole code. "INV-2026/0012" and "INV20260012" give
    ("invoice", "2026/12", "0012"): how the parts of a number are joined, and its zeros, are a matter of taste.
    """
    found: list[str] = []
    for raw in _WORDS.findall(_with_years_apart(plain(text))):
        if raw.isdigit():
            found.append(number(raw))
        elif JOINT in raw:
            found.append(raw.replace(JOINT, "/"))
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


def _with_years_apart(text: str) -> str:
    """Return a text whose numbers of a year are written in one way, and apart from what stands before them."""
    if "20" in text:
        text = _OF_A_YEAR.sub(_year_apart, text)
    return _OF_A_SHORT_YEAR.sub(r"\1 \2 \1\2 ", text) if "/" in text or "-" in text else text


def _year_apart(found: re.Match[str]) -> str:
    year, written = found[1], found[2] or found[3]
    counted = written.lstrip("0")
    if not counted:
        return found[0]
    if len(counted) >= 5:  # it tells the document without its year
        return f" {year} {counted} "
    alone = written if len(written) >= 4 else ""  # some payers leave the year out
    return f" {year}{JOINT}{counted} {alone} "


def _year_joined(found: re.Match[str]) -> str:
    return f" {found[1]}{JOINT}{(found[2] or found[3]).lstrip('0')}"


def with_years_joined(text: str) -> str:
    """Return a text in which the year and the number of a document are one word, with JOINT between them; no masks."""
    text = with_numbers(text)
    return _OF_A_YEAR.sub(lambda found: f"{found[1]}{JOINT}{found[2] or found[3]}", text) if "20" in text else text


def folded(word: str) -> str:
    """Return a word of which Mueller, Muller and Müller are one spelling."""
    if len(word) >= 5:
        for pair, letter in _SPELLED_UMLAUTS:
            word = word.replace(pair, letter)
    return word


def number(digits: str) -> str:
    """Return a number without leading zeros, unless nothing distinctive would be left of it."""
    stripped = digits.lstrip("0")
    return stripped if len(stripped) >= 3 else digits


def squashed(text: str) -> str:
    """Keep only letters and digits of a text: what a bank leaves that drops spaces."""
    return "".join(folded(word) for word in _WORDS.findall(plain(text)))


@lru_cache(maxsize=65_536)
def kind(word: str) -> tuple[str, ...]:
    """Return the class of a word, from which a word too rare to have a record of its own borrows one."""
    if word.startswith("="):
        return ("reference",)
    if word.isalpha():
        return ("name",)
    if word.isdigit():
        return ("number", str(min(len(word), 12)))
    if "/" in word:  # a year and a number in it
        return ("number", "8")
    code = _LETTERS_DIGITS.fullmatch(word)
    return ("code", code[1] if code and len(code[1]) <= 4 else "", str(min(len(word), 12)))


def reference_word(reference: str) -> str:
    """Return a whole reference as one word, marked so that it only ever equals another whole reference."""
    whole = _OF_A_YEAR.sub(_year_joined, plain(reference))
    text = "".join(folded(word) for word in _WORDS.findall(whole))
    match = _LETTERS_DIGITS.fullmatch(text)
    body = match[1] + match[2] if match else text.lstrip("0")
    return "=" + body.replace(JOINT, "/") if len(body) >= 3 else ""


def line_words(line: Line) -> tuple[str, ...]:
    """Return every word of a line, once, in reading order: counterparty, text, references, then the extra columns."""
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
