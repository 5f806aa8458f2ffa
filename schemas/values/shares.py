"""Dividing an amount by weights, exactly: the rest to the largest."""

from __future__ import annotations

from collections.abc import Sequence


def shares_of(minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Divide an amount by weights.

    Shapes:  weights is (n,), none below zero; the result is (n,) in the same order, all 0 where all weights are.
    Units:   minor units; weights are such as well, or any other.
    Ensures: the shares sum to the amount, each is its share rounded down, and the rest goes to the largest weight. No
             share is more than its weight as long as the amount is not more than all of them: then a largest one that
             is full leaves the rest to the next.
    """
    total = sum(weights)
    if total <= 0:
        return (0,) * len(weights)
    shares = [minor * weight // total for weight in weights]
    rest = minor - sum(shares)
    by_size = sorted(range(len(weights)), key=lambda index: -weights[index])
    for index in by_size:
        room = rest if minor > total else min(rest, weights[index] - shares[index])
        shares[index] += room
        rest -= room
    return tuple(shares)
