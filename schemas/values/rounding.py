"""The one way in which an amount is rounded: half up, which is away from zero."""

from __future__ import annotations

from fractions import Fraction


def half_up(value: Fraction) -> int:
    """Round to a whole number, a half away from zero."""
    rounded = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return -rounded if value < 0 else rounded
