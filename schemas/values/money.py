"""Money as Saldo counts it: whole minor units of one currency, so that no cent is lost to a float."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from babel.core import get_global

from schemas.values.shares import shares_of

# The first day that schemas.checks.plausibility takes for a day of money.
_CENTURY = date(2000, 1, 1)
_CURRENCY = re.compile(r"[A-Z]{3}")
_LARGEST_MINOR = (1 << 63) - 1  # what an Avro long holds
# ISO 4217 minor units where they are not 2. CLDR is no source for these: it rounds to what is paid in cash, and says 0
# for RSD, IQD or LBP, whose amounts arrive with decimals.
_DIGITS: dict[str, int] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were put together."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (cents for USD, yen for JPY, fils for KWD); adds only like to like."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f"currency must be three capital letters (ISO 4217), got {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        """Sum of two amounts of one currency."""
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        """Difference of two amounts of one currency; may be negative."""
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        """Return the same amount the other way."""
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        """Major units with the currency's own digits, e.g. 125.00 USD."""
        return f"{self.major} {self.currency}"

    @property
    def major(self) -> Decimal:
        """Exact amount in major units, with the currency's number of digits (ISO 4217)."""
        sign, digits, _ = Decimal(self.minor).as_tuple()
        return Decimal((sign, digits, -exponent(self.currency)))

    def split(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """Divide by weights: each part rounded down, and what that leaves goes to the largest.

        Shapes:  weights is (n,), n >= 1, non-negative, not all zero; the result is (n,) in the same order.
        Ensures: the parts sum to the whole, so no cent is lost or invented, and none has another sign than the whole.
        Raises:  ValueError when weights are empty, negative or all zero.
        """
        total = sum(weights)
        if not weights or total <= 0 or min(weights) < 0:
            raise ValueError(f"weights must be non-negative and not all zero, got {list(weights)!r}")
        sign = -1 if self.minor < 0 else 1
        return tuple(Money(sign * share, self.currency) for share in shares_of(abs(self.minor), weights))

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"cannot combine {self.currency} with {other.currency}")
        return other.minor


@cache
def currencies() -> frozenset[str]:
    """Codes of ISO 4217 in which money moves, or moved in this century.

    Historical codes count while they were tender on 1 January 2000 or later (DEM until 2002, HRK until 2023), since a
    back-fill meets them. Codes that are nobody's money do not: XXX (no currency), XTS (tests), metals, XDR.
    """
    found: set[str] = set()
    for territory, uses in get_global("territory_currencies").items():
        if territory != "ZZ":
            found |= {code for code, _, end, _ in uses if end is None or date(*end) >= _CENTURY}
    return frozenset(found - {"XXX", "XTS"})


def is_currency(code: Any) -> bool:
    """Return whether a text is a currency that money can be in."""
    return code in currencies()


def shown(minor: int, currency: str) -> str:
    """Return an amount for people, whatever a record says of its currency: 125.00 USD, or 12500 minor units of 'usd'.

    How many digits an unknown currency has is not guessed.
    """
    return str(Money(minor, currency)) if is_currency(currency) else f"{minor} minor units of {currency!r}"


def exponent(currency: str) -> int:
    """Digits after the decimal point of this currency: 2 for USD, 0 for JPY, 3 for KWD (source: ISO 4217)."""
    return _DIGITS.get(currency, 2)


def from_major(text: str | int | Decimal, currency: str) -> Money:
    """Read an amount in major units, exactly.

    Units:   text is major units with a decimal point ("125.00"); the result is minor units.
    Raises:  ValueError for what is not a number, not finite, finer than the currency's smallest unit, or too large.
    """
    shown = repr(str(text)[:40])
    try:
        amount = Decimal(str(text).strip().replace("_", "?"))  # Decimal would read 1_000; no system of record writes it
    except InvalidOperation:
        raise ValueError(f"amount must be a decimal number, got {shown}") from None
    if not amount.is_finite():
        raise ValueError(f"amount must be finite, got {shown}")
    # On integers, since Decimal arithmetic rounds what has more digits than its context.
    sign, digits, power = amount.as_tuple()
    assert isinstance(power, int)
    if not any(digits):
        return Money(0, currency)
    shift = power + exponent(currency)
    if len(digits) + shift > len(str(_LARGEST_MINOR)):
        raise ValueError(f"amount {shown} is larger than any ledger holds")
    coefficient = int("".join(map(str, digits)))
    minor, rest = (
        (coefficient * 10**shift, 0) if shift >= 0 else divmod(coefficient, 10 ** min(-shift, len(digits) + 1))
    )
    if rest:
        raise ValueError(f"amount {shown} is finer than the smallest unit of {currency}")
    if minor > _LARGEST_MINOR:
        raise ValueError(f"amount {shown} is larger than any ledger holds")
    return Money(-minor if sign else minor, currency)
