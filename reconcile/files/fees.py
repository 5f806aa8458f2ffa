"""Which of several amounts of a row is the money, as their own arithmetic shows.

What is left once a fee is taken off moves; so does the whole where a tax is part of it. The headers say it too, but
each gateway means something else by "Amount" and "Net".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Values = Callable[[int], Sequence[int | None]]  # the amounts of a column, None where there is none


def proven_money(amounts: Sequence[int], fees: Sequence[int], taxes: Sequence[int], values: Values) -> tuple[int, bool]:
    """Return the column that is the money, and whether fees are taken off in it; -1 where no arithmetic shows it.

    Shapes: amounts, fees and taxes are positions of columns, the most preferred first.
    """
    pairs = [(whole, rest) for whole in amounts for rest in amounts if whole != rest]
    charged = [[at] for at in fees]
    charged += [list(fees)] if len(fees) > 1 else []
    charged += [[at, tax] for at in fees for tax in taxes]
    for parts in charged:
        for whole, rest in pairs:
            if _sum(values(rest)) < _sum(values(whole)) and _leaves(
                values(whole), [values(at) for at in parts], values(rest)
            ):
                return rest, True
    for tax in taxes:
        for whole, rest in pairs:
            smaller = abs(_sum(values(rest))) < abs(_sum(values(whole)))
            if smaller and _leaves(values(whole), [values(tax)], values(rest)):
                return whole, False
    return -1, False


def _sum(amounts: Sequence[int | None]) -> int:
    return sum(amount or 0 for amount in amounts)


def _leaves(whole: Sequence[int | None], parts: Sequence[Sequence[int | None]], rest: Sequence[int | None]) -> bool:
    """Return whether whole less parts is the rest, in every row that has both, and in one that has parts."""
    rows = [
        (one, sum(part or 0 for part in taken), left)
        for one, left, *taken in zip(whole, rest, *parts, strict=True)
        if one is not None and left is not None
    ]
    if not any(taken for _, taken, _ in rows):
        return False
    return any(all(one + sign * taken == left for one, taken, left in rows) for sign in (1, -1))
