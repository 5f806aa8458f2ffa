"""Exact arithmetic of currencies: what an amount is worth in another one, and how that value leaves in parts.

A rate is a fraction of whole numbers, so an inverse (1/1.0857) or a cross of two quotations is as exact as what the
provider published; only an amount of money is ever rounded, half up, to the decimals of its currency.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from schemas.values.money import Money, exponent, is_currency
from schemas.values.rounding import half_up

# 19 digits before the point hold every amount of minor units; 12 behind it are more than any provider publishes.
_DECIMAL = r"[0-9]{1,19}(?:\.[0-9]{1,12})?"
_RATE = re.compile(rf"({_DECIMAL})(?:/({_DECIMAL}))?")
_SHOWN = 40
_SIX_DIGITS = Decimal("0.000001")


@lru_cache(maxsize=4_096)
def parse_rate(text: str) -> Fraction:
    """Read a rate: a decimal (0.915), or two with a slash between (1/1.0857).

    Units:   units of the second currency of a pair for one of the first.
    Raises:  ValueError for what is no such text, and for a rate of 0.
    """
    found = _RATE.fullmatch(text)
    parts = [Fraction(part) for part in found.groups() if part is not None] if found else []
    if not parts or not all(parts):
        raise ValueError(f"a rate must be a positive decimal or two with a slash between, got {text[:_SHOWN]!r}")
    return parts[0] / parts[1] if len(parts) > 1 else parts[0]


def pair_of(currency: str, base_currency: str) -> str:
    """Return the name of a pair: USD and EUR are USD/EUR, how many EUR one USD is worth."""
    return f"{currency}/{base_currency}"


def currencies_of(pair: str) -> tuple[str, str]:
    """Return the two currencies of a pair; raises ValueError where it is none, or names one currency twice."""
    first, slash, second = pair.partition("/")
    if not slash or first == second or not (is_currency(first) and is_currency(second)):
        raise ValueError(f"a currency pair must be two codes of ISO 4217 such as USD/EUR, got {pair[:_SHOWN]!r}")
    return first, second


def booked_rate(amount: Money, base: Money) -> str:
    """Return the rate by which an amount was booked, as the two amounts: 75.90/1.00.

    Ensures: value_in_base of this amount at this rate is exactly `base`.
    Raises:  ValueError where one of the two is not positive: it has no rate.
    """
    if amount.minor <= 0 or base.minor <= 0:
        raise ValueError(f"{amount} booked as {base} has no rate; both must be positive")
    return f"{base.major}/{amount.major}"


def value_in_base(amount: Money, rate: Fraction, base_currency: str) -> Money:
    """Return what an amount is worth in the base currency, half up to the decimals of that currency.

    Units: rate is base currency for one unit of the amount's currency, in major units of both.
    """
    scale = Fraction(10) ** (exponent(base_currency) - exponent(amount.currency))
    return Money(half_up(amount.minor * rate * scale), base_currency)


def leaves(booked_minor: int, whole_minor: int, before_minor: int, after_minor: int) -> int:
    """Return the booked value that leaves with the part between two shares of a whole, by cumulative share, half up.

    Units:   booked_minor is minor units of the base currency; the others are minor units of the item's own currency.
    Ensures: parts that cover the whole sum to booked_minor, so the last one takes what is left; a part that is put
             back brings back what it took.
    Raises:  ValueError unless 0 <= before_minor, after_minor <= whole_minor and whole_minor > 0.
    """
    if whole_minor <= 0 or not (0 <= before_minor <= whole_minor and 0 <= after_minor <= whole_minor):
        raise ValueError(f"a part from {before_minor} to {after_minor} is not within a whole of {whole_minor}")
    return half_up(Fraction(booked_minor * after_minor, whole_minor)) - half_up(
        Fraction(booked_minor * before_minor, whole_minor)
    )


def share_of(value_minor: int, part_minor: int, whole_minor: int) -> int:
    """Return the value of a part of what is worth so much as a whole, half up; the part may be more than the whole.

    Raises: ZeroDivisionError for a whole of nothing.
    """
    return half_up(Fraction(value_minor * part_minor, whole_minor))


def shown_rate(rate: Fraction) -> str:
    """Return a rate for people: six digits behind the point, half up."""
    return str(Decimal(half_up(rate / Fraction(_SIX_DIGITS))) * _SIX_DIGITS)
