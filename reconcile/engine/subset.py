"""Exact subset sums in integer cents: which lines add up to a deposit, and whether they are the only ones that do.

Meet in the middle: the sums of all subsets of each half of the pool are listed, and the halves are joined. It either
looks at everything or refuses the pool; it never guesses. docs/adr/0021-subset-sums.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from reconcile.engine.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Sums:
    """Ways to reach a target, smallest sets first."""

    ways: tuple[tuple[int, ...], ...]


class PoolTooLarge(ValueError):
    """More amounts than can be searched exactly."""


def subset_sums(amounts: Sequence[int], target: int, most: int, parameters: Parameters) -> Sums:
    """Find the subsets of 2 to `most` amounts that add up to the target.

    Shapes:  amounts is (n,), n <= sum_amounts; ways hold positions, ascending; at most sum_answers of them.
    Units:   minor units; amounts may have either sign.
    Raises:  PoolTooLarge when n > sum_amounts.
    """
    count = len(amounts)
    if count > parameters.sum_amounts:
        raise PoolTooLarge(f"{count} amounts, at most {parameters.sum_amounts}")
    half = count // 2
    low, high = _sums(amounts[:half]), _sums(amounts[half:])
    sizes = _sizes(parameters.sum_amounts // 2)
    low_masks = np.flatnonzero(sizes[: len(low)] <= most)
    high_masks = np.flatnonzero(sizes[: len(high)] <= most)
    order = np.argsort(low[low_masks], kind="stable")
    low_masks = low_masks[order]
    wanted = target - high[high_masks]
    first = np.searchsorted(low[low_masks], wanted, side="left")
    last = np.searchsorted(low[low_masks], wanted, side="right")
    ways: list[tuple[int, ...]] = []
    for at in np.flatnonzero(last > first)[:2_000].tolist():
        high_mask = int(high_masks[at])
        for low_mask in low_masks[first[at] : last[at]][:200].tolist():
            if 2 <= int(sizes[low_mask]) + int(sizes[high_mask]) <= most:
                mask = low_mask | high_mask << half
                ways.append(tuple(index for index in range(count) if mask >> index & 1))
    ways.sort(key=lambda way: (len(way), way))
    return Sums(tuple(ways[: parameters.sum_answers]))


def reaches(amounts: Sequence[int], target: int, parameters: Parameters) -> bool:
    """Return whether any subset adds up to the target: a quick look before anything dearer is asked.

    Raises:  PoolTooLarge when n > sum_amounts.
    """
    count = len(amounts)
    if count > parameters.sum_amounts:
        raise PoolTooLarge(f"{count} amounts, at most {parameters.sum_amounts}")
    low = np.sort(_sums(amounts[: count // 2]))
    wanted = target - _sums(amounts[count // 2 :])
    found = low[np.minimum(np.searchsorted(low, wanted), len(low) - 1)]
    return bool((found == wanted).any())


@cache
def _sizes(amounts: int) -> np.ndarray:
    """Return how many members each subset of so many amounts has, at the position whose bits name them."""
    return np.array([bin(mask).count("1") for mask in range(1 << amounts)], dtype=np.int8)


def _sums(amounts: Sequence[int]) -> np.ndarray:
    """Return the sum of every subset, at the position whose bits name its members."""
    sums = np.zeros(1 << len(amounts), dtype=np.int64)
    for at, amount in enumerate(amounts):
        sums[1 << at : 2 << at] = sums[: 1 << at] + amount
    return sums
