"""Exact subset sums in integer cents: which lines add up to a deposit, and whether they are the only ones that do.

Meet in the middle: the sums of each half of the pool are listed, and the halves are joined. It either finishes
within its budget and knows all answers, or says that it did not; it never guesses. docs/adr/0021 has the measurements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

BUDGET = 120_000  # subsets listed for one half: 0.15 s and 30 MB at most
ANSWERS = 4  # more than one is already ambiguous; a few are kept to show


@dataclass(frozen=True, slots=True)
class Sums:
    """All ways to reach a target (at most ANSWERS of them), and whether the search was complete."""

    ways: tuple[tuple[int, ...], ...]
    complete: bool
    tried: float  # subsets that could have met the target: what a coincidence had to draw from


def subset_sums(amounts: Sequence[int], target: int, most: int) -> Sums:
    """Find the subsets of 2 to `most` amounts that add up to the target.

    Shapes:  amounts is (n,); ways hold positions, ascending.
    Units:   minor units; amounts may have either sign.
    Ensures: time and memory are bounded by BUDGET; complete is False when larger subsets were not looked at.
    """
    count = len(amounts)
    most = min(most, count)
    half = count // 2
    allowed = most
    while allowed > 2 and _listed(count - half, allowed) > BUDGET:
        allowed -= 1
    positive = all(amount > 0 for amount in amounts)
    low = _list(amounts, range(half), allowed, target if positive else None)
    high = _list(amounts, range(half, count), allowed, target if positive else None)
    by_sum: dict[int, list[tuple[int, ...]]] = {}
    for total, members in low:
        by_sum.setdefault(total, []).append(members)
    ways: list[tuple[int, ...]] = []
    for total, members in high:
        for rest in by_sum.get(target - total, ()):
            if 2 <= len(rest) + len(members) <= allowed:
                ways.append(rest + members)
        if len(ways) > 200:
            break
    ways.sort(key=lambda way: (len(way), way))
    return Sums(tuple(ways[:ANSWERS]), allowed == most, _listed(count, allowed))


def _listed(count: int, most: int) -> float:
    return float(sum(math.comb(count, size) for size in range(min(most, count) + 1)))


def _list(
    amounts: Sequence[int], positions: range, most: int, ceiling: int | None
) -> list[tuple[int, tuple[int, ...]]]:
    found: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    for at in positions:
        amount = amounts[at]
        found += [
            (total + amount, (*members, at))
            for total, members in found
            if len(members) < most and (ceiling is None or total + amount <= ceiling)
        ]
    return found
