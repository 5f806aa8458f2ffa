"""Money as Saldo counts it: whole minor units of one currency, so that no cent is lost to a float."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from babel.numbers import get_currency_precision

_CURRENCY = re.compile(r"^[A-Z]{3}$")


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were put together."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (cents for USD, yen for JPY, fils for KWD); adds only like to like."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if not _CURRENCY.match(self.currency):
            raise ValueError(f"currency must be three capital letters (ISO 4217), got {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        """Sum of two amounts of one currency."""
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        """Difference of two amounts of one currency; may be negative."""
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        """The same amount the other way."""
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        """Major units with the currency's own digits, e.g. 125.00 USD."""
        return f"{self.major} {self.currency}"

    @property
    def major(self) -> Decimal:
        """Exact amount in major units, with the currency's number of digits (ISO 4217 by CLDR)."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def split(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """Divide by weights, largest remainder first.

        Shapes:  weights is (n,), n >= 1, non-negative, not all zero; the result is (n,) in the same order.
        Ensures: the parts sum to the whole, so no cent is lost or invented.
        Raises:  ValueError when weights are empty, negative or all zero.
        """
        total = sum(weights)
        if not weights or total <= 0 or min(weights) < 0:
            raise ValueError(f"weights must be non-negative and not all zero, got {list(weights)!r}")
        shares = [self.minor * weight // total for weight in weights]
        remainders = sorted(range(len(weights)), key=lambda i: (-(self.minor * weights[i] % total), i))
        for i in remainders[: self.minor - sum(shares)]:
            shares[i] += 1
        return tuple(Money(share, self.currency) for share in shares)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"cannot combine {self.currency} with {other.currency}")
        return other.minor


def exponent(currency: str) -> int:
    """Digits after the decimal point of this currency: 2 for USD, 0 for JPY, 3 for KWD (source: CLDR)."""
    return int(get_currency_precision(currency))


def from_major(text: str | int | Decimal, currency: str) -> Money:
    """Read an amount in major units, exactly.

    Units:   text is major units with a decimal point ("125.00"); the result is minor units.
    Raises:  ValueError for what is not a number, not finite, or finer than the currency's smallest unit.
    """
    try:
        amount = Decimal(str(text).strip())
    except InvalidOperation:
        raise ValueError(f"amount must be a decimal number, got {str(text)[:40]!r}") from None
    if not amount.is_finite():
        raise ValueError(f"amount must be finite, got {str(text)[:40]!r}")
    minor = amount.scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"amount {str(text)[:40]!r} is finer than the smallest unit of {currency}")
    return Money(int(minor), currency)
