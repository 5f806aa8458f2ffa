"""Who belongs to whom when lines compete: the best answer for the whole set, and by how much it is the best.

Each independent set of competing lines is solved exactly (scipy's assignment solver). The margin of a pair is what
the whole set would lose if this pair were forbidden; a pair whose margin is near zero is a tie, and the caller
leaves it as a suggestion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reconcile.engine.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Pairing:
    """One pair of the best answer. runner_up is the best other partner of either line, as (left, right)."""

    left: int
    right: int
    score: float
    margin: float
    runner_up: tuple[int, int] | None


def assign(edges: Mapping[tuple[int, int], float], parameters: Parameters) -> list[Pairing]:
    """Return the set of disjoint pairs with the highest total score.

    Shapes:  edges maps (left, right) positions to a positive score; absent pairs are impossible.
    Ensures: each line is in at most one pair; of equal answers the one is taken that keeps both sides in order,
             with a margin of about 0 so that nobody mistakes it for a finding.
    """
    by_left: dict[int, dict[int, float]] = {}
    by_right: dict[int, dict[int, float]] = {}
    for (left, right), score in edges.items():
        by_left.setdefault(left, {})[right] = score
        by_right.setdefault(right, {})[left] = score
    found: list[Pairing] = []
    seen: set[int] = set()
    for start in sorted(by_left):
        if start in seen:
            continue
        lefts, rights = _component(start, by_left, by_right)
        seen.update(lefts)
        found.extend(_solve(lefts, rights, by_left, by_right, parameters))
    return found


def _component(
    start: int, by_left: Mapping[int, Mapping[int, float]], by_right: Mapping[int, Mapping[int, float]]
) -> tuple[list[int], list[int]]:
    lefts, rights = {start}, set[int]()
    todo = [start]
    while todo:
        for right in by_left[todo.pop()]:
            if right not in rights:
                rights.add(right)
                for left in by_right[right]:
                    if left not in lefts:
                        lefts.add(left)
                        todo.append(left)
    return sorted(lefts), sorted(rights)


def _solve(
    lefts: list[int],
    rights: list[int],
    by_left: Mapping[int, Mapping[int, float]],
    by_right: Mapping[int, Mapping[int, float]],
    parameters: Parameters,
) -> list[Pairing]:
    if len(lefts) == 1 and len(rights) == 1:
        score = by_left[lefts[0]][rights[0]]
        return [Pairing(lefts[0], rights[0], score, score, None)]
    if len(lefts) == 1 or len(rights) == 1:
        partner = _best_of_star(lefts, rights, by_left)
    elif len(lefts) + len(rights) <= parameters.exact_lines:
        partner = _dense(lefts, rights, by_left)
    else:
        partner = _greedy(lefts, by_left)
    if len(lefts) + len(rights) <= parameters.exact_margin_lines:
        margins = _exact_margins(lefts, rights, by_left, partner)
    else:
        margins = {left: _safe_margin(left, right, by_left, by_right) for left, right in partner.items()}
    return [
        Pairing(left, right, by_left[left][right], margins[left], _runner_up(left, right, by_left, by_right))
        for left, right in sorted(partner.items())
    ]


def _best_of_star(lefts: list[int], rights: list[int], by_left: Mapping[int, Mapping[int, float]]) -> dict[int, int]:
    _score, left, right = max((by_left[left][right], -left, -right) for left in lefts for right in by_left[left])
    return {-left: -right}


def _in_order(at_left: int, at_right: int, lefts: int, rights: int) -> float:
    """Return a preference far below any real difference: first with first, last with last."""
    return 1e-7 * abs(at_left / lefts - at_right / rights)


def _dense(lefts: list[int], rights: list[int], by_left: Mapping[int, Mapping[int, float]]) -> dict[int, int]:
    column = {right: at for at, right in enumerate(rights)}
    gains = np.zeros((len(lefts), len(rights) + len(lefts)))
    gains[:, : len(rights)] = -1e6
    for at, left in enumerate(lefts):
        for right, score in by_left[left].items():
            gains[at, column[right]] = score - _in_order(at, column[right], len(lefts), len(rights))
    # Loaded when lines compete for the first time: half a second, which every process that starts would pay.
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    rows, columns = linear_sum_assignment(gains, maximize=True)
    return {
        lefts[row]: rights[col] for row, col in zip(rows.tolist(), columns.tolist(), strict=True) if col < len(rights)
    }


def _greedy(lefts: list[int], by_left: Mapping[int, Mapping[int, float]]) -> dict[int, int]:
    """Best score first, in order. Only for sets of hundreds of lines that hardly differ, which nobody confirms.

    Ensures: a pair that beats all rivals of both its lines together is taken, as every best answer takes it.
    """
    ranked = sorted((-score, left, right) for left in lefts for right, score in by_left[left].items())
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, left, right in ranked:
        if left not in partner and right not in taken:
            partner[left] = right
            taken.add(right)
    return partner


def _exact_margins(
    lefts: list[int], rights: list[int], by_left: Mapping[int, Mapping[int, float]], partner: Mapping[int, int]
) -> dict[int, float]:
    """Return for each pair what the best answer without it loses: the shortest cycle through it in the residual graph.

    Shapes:  the answer is padded to a square of n + m: a spare column for each left to stay alone with, a spare row
             for each right. Row i moving to the column that row j holds costs gain(i, own) - gain(i, j's).
    """
    size = len(lefts) + len(rights)
    column = {right: at for at, right in enumerate(rights)}
    gains = np.full((size, size), -1e9)
    gains[: len(lefts), len(rights) :] = 0.0
    gains[len(lefts) :, :] = 0.0
    for at, left in enumerate(lefts):
        for right, score in by_left[left].items():
            gains[at, column[right]] = score
    held = np.full(size, -1, dtype=np.int64)
    for at, left in enumerate(lefts):
        if left in partner:
            held[at] = column[partner[left]]
    taken = set(held[held >= 0].tolist())
    spare = iter(range(len(rights), size))
    for at in range(len(lefts)):
        if held[at] < 0:
            held[at] = next(spare)
    free = iter([at for at in range(len(rights)) if at not in taken] + list(spare))
    for at in range(len(lefts), size):
        held[at] = next(free)
    moved = gains[:, held]
    step = np.diagonal(moved)[:, None] - moved
    reach = step.copy()
    np.fill_diagonal(reach, 0.0)
    for via in range(size):
        np.minimum(reach, reach[:, via, None] + reach[None, via, :], out=reach)
    np.fill_diagonal(step, np.inf)
    return {left: max(0.0, float(np.min(step[at] + reach[:, at]))) for at, left in enumerate(lefts) if left in partner}


def _safe_margin(
    left: int, right: int, by_left: Mapping[int, Mapping[int, float]], by_right: Mapping[int, Mapping[int, float]]
) -> float:
    """Return a lower bound of the margin for sets too large for the exact one.

    No answer without the pair can gain more.
    """
    rival_right = max((score for other, score in by_left[left].items() if other != right), default=0.0)
    rival_left = max((score for other, score in by_right[right].items() if other != left), default=0.0)
    return max(0.0, by_left[left][right] - max(0.0, rival_right) - max(0.0, rival_left))


def _runner_up(
    left: int, right: int, by_left: Mapping[int, Mapping[int, float]], by_right: Mapping[int, Mapping[int, float]]
) -> tuple[int, int] | None:
    rivals = [(score, (left, other)) for other, score in by_left[left].items() if other != right]
    rivals += [(score, (other, right)) for other, score in by_right[right].items() if other != left]
    return max(rivals, key=lambda rival: (rival[0], (-rival[1][0], -rival[1][1])))[1] if rivals else None
