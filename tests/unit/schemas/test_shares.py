"""Dividing an amount: exact, the rest to the largest, and never more than there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.values.shares import shares_of

WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=6)


def test_the_rest_goes_to_the_largest() -> None:
    assert shares_of(33_33, [40_00, 60_00]) == (13_33, 20_00)
    assert shares_of(1, [1, 1, 1]) == (1, 0, 0)
    assert shares_of(2, [1, 1, 1]) == (1, 1, 0), "a share that is full leaves the rest to the next"
    assert shares_of(7, [0, 0]) == (0, 0)


@given(st.integers(0, 10**10), WEIGHTS)
def test_the_shares_sum_to_the_amount(minor: int, weights: list[int]) -> None:
    shares = shares_of(minor, weights)
    assert sum(shares) == (minor if sum(weights) else 0)
    assert min(shares) >= 0
    if minor <= sum(weights):
        assert all(share <= weight for share, weight in zip(shares, weights, strict=True))


@given(WEIGHTS, st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_parts_one_after_the_other_take_the_whole(weights: list[int], parts: list[int]) -> None:
    left = list(weights)
    for part in parts:
        taken = shares_of(sum(left) * part // 100, left)
        left = [weight - share for weight, share in zip(left, taken, strict=True)]
    taken = shares_of(sum(left), left)
    assert list(taken) == left
