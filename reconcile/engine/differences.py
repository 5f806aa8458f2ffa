"""How two amounts that should be one may differ: digits swapped, a discount, a fee, a short or an over payment."""

from __future__ import annotations


def transposed(one: int, other: int) -> bool:
    """Return whether two amounts differ by exactly one swap of neighbouring digits."""
    if one == other or (one - other) % 9:
        return False
    width = max(len(str(abs(one))), len(str(abs(other))))
    first, second = str(abs(one)).zfill(width), str(abs(other)).zfill(width)  # a zero may have swapped to the front
    unequal = [at for at in range(len(first)) if first[at] != second[at]]
    if len(unequal) != 2 or unequal[1] != unequal[0] + 1:
        return False
    at = unequal[0]
    return first[at] == second[at + 1] and first[at + 1] == second[at]


def difference_kind(kind: str, difference: int, amount: int) -> str:
    """Return the name of a difference in the bridge; "near" becomes what its size and direction say.

    A whole or half percent to the cent, at most 5 %, is a cash discount (Skonto); a smaller receipt is a fee or short
    payment; a larger one an over payment.
    """
    if not difference:
        return ""
    if kind != "near":
        return kind or "difference"
    short = difference if amount > 0 else -difference
    if short < 0:
        return "over_payment"
    for half_percents in range(1, 11):
        if abs(abs(amount) * half_percents / 200 - short) <= 1 and short > 100:
            return "cash_discount"
    return "fee" if short <= 10_000 else "short_payment"
