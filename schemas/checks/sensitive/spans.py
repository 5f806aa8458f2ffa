"""Where in a text a card number, track data, a security code or a bank number stands. Pure.

Card numbers are recognised by shape (12 to 19 digits in one run, or in groups as people type them), issuer range and
Luhn digit, so ids, clock readings and amounts pass. Security codes and bank numbers have no shape of their own and are
recognised by the words beside them, IBANs by their check digits. The work grows with the length of the text alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from schemas.checks.sensitive.numbers import (
    IBAN_LENGTHS,
    LONGEST,
    SHORTEST,
    has_luhn_digit,
    is_card_number,
    is_common_card_number,
    is_iban,
    is_routing_number,
    lengths_of,
)


class SensitiveKind(StrEnum):
    """What was found; the value itself is never kept."""

    CARD_NUMBER = "CARD_NUMBER"
    CARD_SECURITY_CODE = "CARD_SECURITY_CODE"
    BANK_NUMBER = "BANK_NUMBER"
    TOO_DEEP = "TOO_DEEP"  # nested or encoded deeper than is looked into, so it may hold anything


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text that must not stay.

    Shapes: number is what was typed without separators; empty for what is dropped and leaves no trace of itself.
            note stands behind the mask.
    """

    start: int
    end: int
    kind: SensitiveKind
    number: str = ""
    note: str = ""


# What people and programs put between the groups of a card number: any signs, at most four of them in a row. Every
# blank, dash and invisible character of Unicode, and a sign as addresses or pages encode it, is one in a plain text.
_SIGN: Final = r"(?:[^\w\0]\0*|_)"
_GAP: Final = rf"{_SIGN}{{1,4}}"
_GROUPED_DIGITS: Final = re.compile(rf"(?<!\d)\d+(?:{_GAP}\d+)*", re.ASCII)
_DIGITS: Final = re.compile(r"\d+", re.ASCII)
# A hash or a UUID is hexadecimal on both sides of any run of digits in it.
_HEX_TOKEN: Final = re.compile(
    r"(?<![0-9a-zA-Z])(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32,})(?![0-9a-zA-Z])"
)
# Names that Saldo derives are shorter hashes in small letters, sixteen or twenty-four of them.
_OWN_NAME: Final = re.compile(r"(?<![0-9a-zA-Z])(?=[0-9]*[a-f])(?:[0-9a-f]{16}|[0-9a-f]{24})(?![0-9a-zA-Z])")
# Track data with D is hexadecimal too, and has forty characters at most.
_LONG_HASH: Final = re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{41,}(?![0-9a-zA-Z])")
_HAS_HEX_LETTER: Final = re.compile(r"[a-fA-F]")
_CANONICAL: Final = ((4, 6, 5), (4, 6, 4))
_WIDEST_GROUP: Final = 8
_SHORTEST_ACCOUNT: Final = 6
_WIDEST_OF_TWO: Final = 12
_TRACK_TWO: Final = re.compile(
    r";?(?<!\d)(\d{12,19})(?:[=^dD]|%3[dD])\d\d(?:0[1-9]|1[0-2])\d{3,}(?:[fF?](?![a-zA-Z]))?", re.ASCII
)
_TRACK_ONE: Final = re.compile(r"%?[bB]?(?<!\d)(\d[\d ]{10,21}\d)\^[^^\n?]{0,40}\^(\d{4}[^?\s]*)\??", re.ASCII)
_DROPPED: Final = " [track data dropped]"
# Card, expiry, and then three or four digits: nobody labels the security code there.
_CODE_BEHIND: Final = re.compile(
    r"[\s,;/|]{0,3}(?:(?:exp\w*|valid|g[uü]ltig\w*|bis|thru)\W{1,3}){0,2}"
    r"(?:0[1-9]|1[0-2])\s?[/.\-]?\s?(?:20)?\d\d[\s,;/|]{1,3}(\d{3,4})(?![\d/.,-])",
    re.IGNORECASE,
)
_CODE_GLUED: Final = re.compile(r"(?:(?:0[1-9]|1[0-2])\d\d|\d\d(?:0[1-9]|1[0-2]))(\d{3,4})")

# One sign, as addresses (%20) and pages (&nbsp;) write it. An escaped digit or letter is not one.
_ENCODED_SIGN: Final = re.compile(
    r"%C2%A0|%E2%80%(?:8[0-9A-F]|9[0-7]|AF)|%[0-2][0-9A-F]|%3[A-F]|%5[B-F]|%7[B-F]"
    r"|&(?:nbsp|ensp|emsp|thinsp|ndash|mdash|shy|amp|#(?:9|10|13|32|45|46|160)|#x(?:9|a|d|20|2d|2e|a0));",
    re.IGNORECASE,
)

_PRUEF: Final = "pr(?:\u00fc|u\u0308|ue|u)f"
_CSC: Final = (
    r"(?:(?:csc|cvv2?|cvc2?|cvn2?|cav2?|cvd|kpn|c[. ]v[. ][vcn])(?:[\s_-]*(?:code|number|nummer|nr|no))?"
    r"|(?:card[\s_-]*)?(?:sec|security|verification)\.?[\s_-]*(?:code|number|value|no)|card[\s_-]*code"
    r"|(?:3|4|three|four)[\s-]digit(?:[\s_-]+security)?[\s_-]+code|(?:drei|vier)stellige[rn]?[\s_-]+code"
    r"|code\W{1,3}(?:on|at|auf)\W(?:the\W|der\W)?(?:back|reverse|r(?:\u00fc|ue|u)ckseite)(?:\W(?:of|der)\W(?:the\W|my\W)?(?:card|karte))?"
    rf"|(?:karten)?[\s_-]*(?:{_PRUEF}|sicherheits|verifizierungs|verifikations)[\s_-]*"
    r"(?:ziffern?|nummern?|nr|zahl|code|kode))"
)
_CSC_TEXT: Final = re.compile(
    rf"(?<![a-z0-9\u00e4\u00f6\u00fc\u00df]){_CSC}(?![a-z\u00e4\u00f6\u00fc\u00df])"
    r"\W{0,5}(?:(?:is|ist|lautet|der|the|karte|card)\W{1,3}){0,2}(\d ?\d ?\d ?\d?)(?!\d)",
    re.IGNORECASE,
)
_ROUTING_TEXT: Final = re.compile(
    r"(?<![a-z])(?:routing|aba|transit|rtn)(?![a-z])[^\d]{0,20}(\d{9})(?!\d)", re.IGNORECASE
)
# An account number in one run, or in groups of which the first has three or four digits.
_ACCOUNT_GROUPS: Final = r"\d{3,4}(?: \d{2,4}){2,4}(?![.,/]?\d)"
_ACCOUNT_TEXT: Final = re.compile(
    r"(?<![a-z\u00e4\u00f6\u00fc])(?:"
    r"(?:(?:bank|checking|savings|deposit|ach|dda)[\s_-]+(?:account|acct)|acct|dda|account[\s_-]*(?:number|no|nr|#)"
    r"|a/c(?:[\s_-]*(?:number|no|nr|\#))?|acc\.?[\s_-]*(?:number|no|nr|\#)"
    r"|konto[\s_-]*(?:nummer|nr|no)|(?:bank|giro|spar)[\s_-]?konto(?:[\s_-]*(?:nummer|nr))?|ktonr|kto[\s.-]*nr)"
    rf"(?![a-z])[^\d\n]{{0,12}}({_ACCOUNT_GROUPS}|\d{{6,17}})"
    rf"|(?:konto|kto)(?![a-z])[^\d\n]{{0,6}}({_ACCOUNT_GROUPS}|\d{{8,17}})"
    # The word alone is also what a shop calls its customers' numbers.
    r"|(?<!customer )(?<!client )(?<!user )(?<!shop )account(?![a-z])[ \t]*[:=]?[ \t]*"
    rf"({_ACCOUNT_GROUPS}|\d{{8,17}}))(?!\d)",
    re.IGNORECASE,
)
# Country and check digits, glued to a word that names them or to none, in groups of any size.
_IBAN_START: Final = re.compile(
    r"(?:(?<![A-Za-z0-9])|(?<=iban)|(?<=konto)|(?<=kto)|(?<=acct)|(?<=account))"
    rf"([A-Za-z])({_SIGN}?)([A-Za-z]){_SIGN}{{0,3}}\d{_SIGN}?\d(?={_SIGN}{{0,3}}[A-Za-z0-9])",
    re.ASCII | re.IGNORECASE,
)
_IBAN_GAPS: Final = re.compile(rf"{_SIGN}{{1,3}}", re.ASCII)
_IBAN_ENDS: Final = re.compile(r"(?![A-Za-z0-9])|(?=bic|swift)", re.ASCII | re.IGNORECASE)

# Nothing of this kind stands in a text without twelve digits close together, and no label without its first letters.
_TWELVE_DIGITS: Final = re.compile(r"\d(?:\D{0,6}\d){11}")
_ANY_DIGIT: Final = re.compile(r"\d")
_ANY_LETTER: Final = re.compile(r"[A-Za-z]")
_TRACK_SIGN: Final = re.compile(r"[=^dD]|%3[dD]")
_HEX_RUN: Final = re.compile(r"[0-9a-fA-F]{12}")
_ROUTING_LABELS: Final = ("routing", "aba", "transit", "rtn")
_ACCOUNT_LABELS: Final = ("acc", "a/c", "dda", "konto", "kto")
_LABELS: Final = (
    *(
        "csc",
        "cv",
        "c.v",
        "c v",
        "sec",
        "digit",
        "stellig",
        "code",
        "cav",
        "kpn",
        "secur",
        "verif",
        "card",
        "sicherheit",
        "pr\u00fcf",
        "pruf",
        "pruef",
        "pru\u0308f",
    ),
    *_ROUTING_LABELS,
    *_ACCOUNT_LABELS,
)


# Of all that a text may hold; a text of many more is worked out anew.
_MOST_CHARACTERS: Final = 4_096


class _PlainCharacters(dict[int, str]):
    """For str.translate: characters by code point, each worked out once."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = character if character.isascii() else _plain_character(character)
        if len(self) < _MOST_CHARACTERS:
            self[code] = plain
        return plain


_PLAIN_CHARACTERS: Final = _PlainCharacters()


def plain_text_of(text: str) -> str:
    """Return the same text in ASCII as far as digits, blanks and dashes go; length and positions stay.

    Decimal digits of any script are digits; blanks of any width and invisible characters are spaces; dashes are dashes
    and other signs points; an encoded sign (%20, &nbsp;) is a space and zeros. Letters of full width are letters.
    """
    if "%" in text or "&" in text:
        text = _ENCODED_SIGN.sub(lambda sign: " " + "\0" * (len(sign[0]) - 1), text)
    if text.isascii():
        return text
    return text.translate(_PLAIN_CHARACTERS)


def _plain_character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    folded = unicodedata.normalize("NFKC", character)
    if len(folded) == 1 and folded.isascii() and folded.isalnum():
        return folded
    match unicodedata.category(character):
        case "Zs" | "Zl" | "Zp" | "Cf" | "Cc" | "Me":
            return " "
        case "Pd":
            return "-"
        case "Mn":
            # The two dots of an umlaut in two characters belong to a label; other marks on digits say nothing.
            return character if character == "\u0308" else " "
        case category if category[0] in "PS":
            return "." if character != "\u2212" else "-"
    return character


def may_hold_a_number(text: str) -> bool:
    """Look cheaply first: False means that no card number and no IBAN stands in the text as such."""
    return len(text) >= SHORTEST and _TWELVE_DIGITS.search(text) is not None


def may_hold_a_label(text: str) -> bool:
    """Look cheaply first: False means that no labelled security code or bank number stands in the text."""
    if len(text) < len("csc123") or _ANY_DIGIT.search(text) is None:
        return False
    lowered = text.lower()
    for label in _LABELS:  # noqa: SIM110  # any() with a generator takes twice the time, and this is asked of each text
        if label in lowered:
            return True
    return False


def number_spans(plain: str, *, own_names: bool = False) -> Iterator[Span]:
    """Card numbers, track data and IBANs, by position; none overlaps another.

    Shapes: plain is a plain text; own_names leaves out what is a hash that Saldo derived (for fields that hold ids).
    """
    if not may_hold_a_number(plain):
        return
    text, found = plain, list[Span]()
    if _ANY_LETTER.search(plain) is not None:
        text = _without_hashes(plain, own_names=own_names)
        # A short IBAN in small letters may look like a name of ours, and none looks like a longer hash.
        found += _ibans(_without_hashes(plain, own_names=False))
    if _TRACK_SIGN.search(plain) is not None:
        found += _tracks(
            _LONG_HASH.sub(_without_hash, plain)
        )  # with D and F it is hexadecimal from end to end, as a hash is
    for start, end in _card_spans(text):
        found.append(Span(start, end, SensitiveKind.CARD_NUMBER, "".join(_DIGITS.findall(text[start:end]))))
        found += _code_behind(text, end)
    yield from apart(found)


def apart(found: Iterable[Span]) -> Iterator[Span]:
    """Spans by position; of those that overlap, the one that begins first, and the longer one of two."""
    done = 0
    for span in sorted(found, key=lambda span: (span.start, -span.end)):
        if span.start >= done:
            done = span.end
            yield span


def labelled_spans(plain: str, *, own_names: bool = False) -> Iterator[Span]:
    """Security codes and bank numbers that a word before them names; own_names as in number_spans."""
    if not may_hold_a_label(plain):
        return
    plain = _without_hashes(plain, own_names=own_names)
    for match in _CSC_TEXT.finditer(plain):
        yield Span(match.start(1), match.start(1) + len(match[1].rstrip()), SensitiveKind.CARD_SECURITY_CODE)
    lowered = plain.lower()
    routing = _ROUTING_TEXT.finditer(plain) if any(label in lowered for label in _ROUTING_LABELS) else ()
    for match in routing:
        if is_routing_number(match[1]):
            yield Span(*match.span(1), SensitiveKind.BANK_NUMBER, match[1])
    accounts = _ACCOUNT_TEXT.finditer(plain) if any(label in lowered for label in _ACCOUNT_LABELS) else ()
    for match in accounts:
        group = match.lastindex or 0
        number = "".join(_DIGITS.findall(match[group]))
        if len(number) >= _SHORTEST_ACCOUNT:
            yield Span(*match.span(group), SensitiveKind.BANK_NUMBER, number)


def _without_hashes(text: str, *, own_names: bool) -> str:
    """Return the text without hashes, UUIDs and the shorter names that Saldo derives, at the same length."""
    if _HEX_RUN.search(text) is None and "-" not in text:
        return text
    text = _HEX_TOKEN.sub(_without_hash, text)
    return _OWN_NAME.sub(_without_hash, text) if own_names else text


def _without_hash(token: re.Match[str]) -> str:
    """Blank out a hash, at the same length."""
    return "x" * len(token[0]) if _HAS_HEX_LETTER.search(token[0]) else token[0]


def _tracks(text: str) -> Iterator[Span]:
    end = 0
    if "^" in text:
        for match in _TRACK_ONE.finditer(text):
            number = match[1].replace(" ", "")
            if is_card_number(number) or match[0].startswith("%"):
                end = match.end()
                yield Span(*match.span(), SensitiveKind.CARD_NUMBER, number, _DROPPED)
    for match in _TRACK_TWO.finditer(text):
        if match.start() >= end and (is_card_number(match[1]) or match[0].startswith(";")):
            yield Span(*match.span(), SensitiveKind.CARD_NUMBER, match[1], _DROPPED)


def _code_behind(text: str, end: int) -> Iterator[Span]:
    behind = _CODE_BEHIND.match(text, end)
    if behind is not None:
        yield Span(*behind.span(1), SensitiveKind.CARD_SECURITY_CODE)
    glued = _DIGITS.match(text, end)
    if glued is not None and _CODE_GLUED.fullmatch(glued[0]):
        yield Span(end + 4, glued.end(), SensitiveKind.CARD_SECURITY_CODE)


def _ibans(text: str) -> Iterator[Span]:
    for match in _IBAN_START.finditer(text):
        wanted = IBAN_LENGTHS.get((match[1] + match[3]).upper())
        if wanted is None:
            continue
        found: list[str] = []
        at = match.start()
        while len(found) < wanted and at < len(text):
            character = text[at]
            if character.isascii() and character.isalnum():
                found.append(character)
                at += 1
                continue
            gap = _IBAN_GAPS.match(text, at)
            if gap is None:
                break
            at = gap.end()
        if len(found) < wanted or not _IBAN_ENDS.match(text, at) or not is_iban("".join(found)):
            continue
        # A country cut in two is written so digit by digit; words that happen to fit have few digits.
        if match[2] and sum(character.isdigit() for character in found) < wanted // 2:
            continue
        yield Span(match.start(), at, SensitiveKind.BANK_NUMBER, "".join(found).upper())


def _card_spans(text: str) -> Iterator[tuple[int, int]]:
    for grouped in _GROUPED_DIGITS.finditer(text):
        if grouped.end() - grouped.start() >= SHORTEST:
            groups: list[tuple[int, int]] = []
            for found in _DIGITS.finditer(text, *grouped.span()):
                start, end = found.span()
                if end - start < SHORTEST or not (alone := list(_card_in_run(text, start, end))):
                    # A long run is a number of its own: joined with its neighbours it would lose its identity.
                    if end - start <= _WIDEST_OF_TWO:
                        groups.append((start, end))
                        continue
                    alone = []
                yield from _card_in_groups(text, groups)
                groups = []
                yield from alone
            yield from _card_in_groups(text, groups)


def _card_in_run(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield a card number that is a run of digits, zeros before it or not, or begins or ends a longer run."""
    run = text[start:end]
    padding = len(run) - len(run.lstrip("0"))
    if is_card_number(run):
        yield start, end
        return
    digits = run[padding:]
    if padding and is_card_number(digits):
        yield start + padding, end
        return
    if len(digits) > LONGEST:
        for length in (16, 15, 19):
            if is_card_number(digits[:length]):
                yield start + padding, start + padding + length
                return
        for length in (16, 15):
            if is_card_number(digits[-length:]):
                yield end - length, end
                return
    for length in (16, 15):
        if len(digits) > length and is_common_card_number(digits[:length]):
            yield start + padding, start + padding + length
            return


def _card_in_groups(text: str, groups: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    if not groups:
        return
    joined = "".join(text[start:end] for start, end in groups)
    if len(joined) < SHORTEST:
        return
    begins, total = [], 0
    ends_at: dict[int, int] = {}
    for index, (start, end) in enumerate(groups):
        begins.append(total)
        total += end - start
        ends_at[total] = index
    first = 0
    while first < len(groups):
        start, end = groups[first]
        run = text[start:end]
        zeros = len(run) - len(run.lstrip("0")) if run[0] == "0" and run.strip("0") else 0
        begin = begins[first] + zeros
        # The longest reading first, so that no digit of it stays behind.
        for length in lengths_of(joined[begin : begin + 6]):
            stop = begin + length
            last = ends_at.get(stop)
            if last is None or not has_luhn_digit(joined[begin:stop]):
                continue
            parts = [(start + zeros, end), *groups[first + 1 : last + 1]]
            if _is_written_so(text, parts, joined[begin:stop]):
                yield start + zeros, groups[last][1]
                first = last
                break
        first += 1


def _is_written_so(text: str, groups: list[tuple[int, int]], digits: str) -> bool:
    """Return whether people group a card number like this.

    Equal groups with a shorter one at the end, of up to three digits only where one separator is used throughout
    (amounts and dates are not); 4-6-5; and for the issuers of most cards any groups of three to eight digits, or two.
    """
    sizes = tuple(end - start for start, end in groups)
    if len(sizes) < 2:
        return True
    if sizes[0] <= _WIDEST_GROUP and len(set(sizes[:-1])) == 1 and sizes[-1] <= sizes[0]:
        gaps = {text[one[1] : two[0]] for one, two in pairwise(groups)}
        if sizes[0] > 3 or len(gaps) == 1:
            return True
    if sizes in _CANONICAL:
        return True
    if not is_common_card_number(digits):
        return False
    if len(sizes) == 2:
        return max(sizes) <= _WIDEST_OF_TWO and min(sizes) >= 3
    return min(sizes) >= 3 and max(sizes) <= _WIDEST_GROUP
