"""Which digits are a card number, a routing number or an IBAN: issuer ranges, lengths and check digits. Pure.

The ranges are generous: a number that is masked by mistake keeps its identity (docs/adr/0052), one that is missed does
not come back.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_MOST: Final = frozenset(range(13, 20))
_SIXTEEN: Final = frozenset({16})
_LONG: Final = frozenset(range(16, 20))
LONGEST: Final = 19
SHORTEST: Final = 12

# (first, last) issuer prefixes of equal length and the lengths of the card numbers that begin with them.
_ISSUERS: Final[tuple[tuple[str, str, frozenset[int]], ...]] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa, and Elo among them
    ("51", "55", _SIXTEEN),  # Mastercard
    ("2221", "2720", _SIXTEEN),  # Mastercard, second range
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),
    ("300", "305", frozenset({14, 16, 19})),  # Diners
    ("3095", "3095", frozenset({14, 16, 19})),
    ("36", "36", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16, 19})),
    ("3528", "3589", frozenset({16, 19})),  # JCB, and RuPay's 353 and 356 that it shares
    ("353", "353", frozenset({16, 19})),
    ("356", "356", frozenset({16, 19})),
    ("1800", "1800", frozenset({15})),  # JCB, first range
    ("2131", "2131", frozenset({15})),
    ("2200", "2205", _LONG),  # Mir, BORICA
    # Discover, UnionPay, RuPay, Maestro, Elo, Hipercard, Verve share what begins with 6; Maestro has any length there.
    ("6", "6", _MOST),
    ("50", "50", _MOST),  # Maestro, Elo, Verve, RuPay's 508
    ("56", "58", _MOST),  # Maestro
    ("81", "81", _LONG),  # UnionPay, RuPay
    ("82", "82", _LONG),  # RuPay
    ("8600", "8600", _SIXTEEN),  # Uzcard
    ("9792", "9792", _SIXTEEN),  # Troy
    ("9860", "9860", _SIXTEEN),  # Humo
    # Maestro of twelve digits: only prefixes that were given out, since so short a number is soon something else.
    *((prefix, prefix, frozenset({12})) for prefix in ("5018", "5020", "5038", "5893", "6304", "6390", "6703")),
    *((prefix, prefix, frozenset({12})) for prefix in ("6759", "6761", "6762", "6763", "6767", "6771")),
)
# Issuers of most cards, with the length that theirs nearly all have: for digits in unusual groups, where a second
# number beside the first is the likelier reading.
_COMMON: Final[tuple[tuple[str, str, int], ...]] = (
    ("4", "4", 16),
    ("51", "55", 16),
    ("2221", "2720", 16),
    ("2200", "2204", 16),
    ("34", "34", 15),
    ("37", "37", 15),
    ("6011", "6011", 16),
    ("62", "62", 16),
    ("644", "649", 16),
    ("65", "65", 16),
    ("3528", "3589", 16),
)
_ISSUERS_BY_DIGIT: Final = {
    digit: tuple(issuer for issuer in _ISSUERS if issuer[0][0] <= digit <= issuer[1][0]) for digit in "0123456789"
}
# Each ASCII digit doubled, minus nine when that is above nine, for the Luhn sum.
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))

# ISO 13616 register: how long an IBAN of each country is.
_IBAN_TEXT: Final = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
    FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
    LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
    RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
IBAN_LENGTHS: Final = {entry[:2]: int(entry[2:]) for entry in _IBAN_TEXT.split()}
# Countries whose account part is digits alone. A hook's field `at` with its time and the name behind it passed for an
# Austrian account on some days before this was asked.
_ALL_DIGITS = "AT BA BE CZ DE DK EE ES FI FO GL HR HU IL IS LT ME NO PL PT RS SE SI SK TN VA XK"
_DIGITS_ALONE: Final = frozenset(_ALL_DIGITS.split())


def has_luhn_digit(digits: str) -> bool:
    """Tell whether the last of these ASCII digits is the Luhn check digit of the others."""
    values = digits.encode("ascii")
    kept, doubled = values[-1::-2], values[-2::-2]
    return (sum(kept) - 48 * len(kept) + sum(doubled.translate(_DOUBLED))) % 10 == 0


def is_card_number(digits: str) -> bool:
    """Tell whether these ASCII digits are a card number by issuer range, length and Luhn digit."""
    return SHORTEST <= len(digits) <= LONGEST and len(digits) in lengths_of(digits[:6]) and has_luhn_digit(digits)


def is_common_card_number(digits: str) -> bool:
    """Return whether it passes for a card of the largest issuers, in the length that nearly all of theirs have."""
    return any(
        len(digits) == length and first <= digits[: len(first)] <= last for first, last, length in _COMMON
    ) and has_luhn_digit(digits)


@lru_cache(maxsize=10_000)
def lengths_of(prefix: str) -> tuple[int, ...]:
    """Return the lengths, longest first, of card numbers that begin with these digits."""
    found: set[int] = set()
    for first, last, lengths in _ISSUERS_BY_DIGIT[prefix[0]]:
        if first <= prefix[: len(first)] <= last:
            found |= lengths
    return tuple(sorted(found, reverse=True))


def is_routing_number(digits: str) -> bool:
    """Tell whether these are nine digits with the ABA check digit (weights 3, 7, 1)."""
    if len(digits) != 9 or digits == "000000000":
        return False
    return sum(int(digit) * weight for digit, weight in zip(digits, (3, 7, 1) * 3, strict=True)) % 10 == 0


def is_iban(text: str) -> bool:
    """Tell whether this is an IBAN of its country's length with the right check digits; no spaces, any case."""
    iban = text.upper()
    if IBAN_LENGTHS.get(iban[:2]) != len(iban) or not iban.isascii() or not iban.isalnum():
        return False
    if not (iban[4:] if iban[:2] in _DIGITS_ALONE else iban[2:4]).isdigit():
        return False
    # ISO 13616: letters count 10 to 35, the first four characters go last, the rest of a division by 97 is 1.
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1
