"""Passes that pair one line with one line: equal amounts, swapped digits, and amounts a fee or a discount apart."""

from __future__ import annotations

import math

from reconcile.engine.assign import Pairing, assign
from reconcile.engine.differences import difference_kind, transposed
from reconcile.engine.doubts import doubtful_pair
from reconcile.engine.lines import Side
from reconcile.engine.results import RunnerUp, Status
from reconcile.engine.rules import AmountGate, Need, Rule
from reconcile.engine.work import Work


def run(work: Work, rule: Rule, confirming: bool, floor: float) -> None:
    """Pair open lines by one rule.

    confirming: only what is sure, and nothing but that is ever confirmed; floor is the lowest score worth a suggestion.
    """
    if rule.amount is AmountGate.EQUAL:
        edges = {
            pair: score + rule.prior
            for pair, score in work.equal.items()
            if score + rule.prior > 0.0
            and work.open_left[pair[0]]
            and work.open_right[pair[1]]
            and (Need.REFERENCE not in rule.needs or pair in work.with_reference)
            and work.within(*pair, rule)
        }
    else:
        # Scores don't depend on what is still open, so a later sweep only drops what has been explained since.
        if rule.name not in work.near:
            work.near[rule.name] = _near_edges(work, rule, confirming)
        edges = {
            pair: score
            for pair, score in work.near[rule.name].items()
            if work.open_left[pair[0]] and work.open_right[pair[1]]
        }
    rivals = _Rivals(edges)
    for pairing in assign(edges, work.parameters):
        _lay_down(work, rule, pairing, rivals, confirming, floor)


class _Rivals:
    """The scored pairs of a pass, found by either line."""

    def __init__(self, edges: dict[tuple[int, int], float]):
        self.edges = edges
        self.by_left: dict[int, list[tuple[int, int]]] = {}
        self.by_right: dict[int, list[tuple[int, int]]] = {}
        for pair in edges:
            self.by_left.setdefault(pair[0], []).append(pair)
            self.by_right.setdefault(pair[1], []).append(pair)

    def of(self, left: int, right: int, limit: int) -> list[tuple[int, int]]:
        """Return the best other pairs of two lines, best first."""
        rivals = {*self.by_left[left], *self.by_right[right]} - {(left, right)}
        return sorted(rivals, key=lambda pair: (-self.edges[pair], pair))[:limit]


def _lay_down(work: Work, rule: Rule, pairing: Pairing, rivals: _Rivals, confirming: bool, floor: float) -> None:
    if pairing.score < floor:
        return
    if confirming and (pairing.score < rule.confirm_score or pairing.margin < rule.confirm_margin):
        return
    contested = (Side.LEFT, pairing.left) in work.contested or (Side.RIGHT, pairing.right) in work.contested
    if confirming and rule.amount is not AmountGate.EQUAL and contested:
        return
    evidence = work.text(pairing.left, pairing.right)
    if confirming and doubtful_pair(work, pairing.left, pairing.right, evidence):
        return
    amount = work.left.amounts[pairing.left]
    difference = amount - work.right.amounts[pairing.right]
    kind = difference_kind(rule.kind, difference, amount)
    if confirming and kind == "over_payment" and not evidence.reference:
        return  # who pays more than he owes, and doesn't say for what, may well pay something else
    if evidence.score < work.parameters.strangers and pairing.score - rule.prior < work.parameters.strangers_need:
        return
    runner_up = None
    if pairing.runner_up is not None:
        runner_up = RunnerUp(
            (work.left.lines[pairing.runner_up[0]].id,),
            (work.right.lines[pairing.runner_up[1]].id,),
            round(pairing.score - rivals.edges[pairing.runner_up], 3),
        )
    candidates: tuple[tuple[str, str], ...] = ()
    if not confirming:
        candidates = tuple(
            (work.left.lines[left].id, work.right.lines[right].id)
            for left, right in rivals.of(pairing.left, pairing.right, 8)
        )
    work.join(
        rule,
        (pairing.left,),
        (pairing.right,),
        Status.CONFIRMED if confirming else Status.SUGGESTED,
        pairing.score,
        pairing.margin,
        evidence,
        kind,
        runner_up,
        candidates,
    )


def _near_edges(work: Work, rule: Rule, confirming: bool) -> dict[tuple[int, int], float]:
    """Return pairs of the same counterparty whose amounts differ in the way the rule allows, with their scores.

    What is still open once the sure lines are gone is open for a reason: there, amounts that differ are less rare.
    """
    prior = rule.prior if confirming else min(0.0, rule.prior - math.log(work.model.open_share))
    edges: dict[tuple[int, int], float] = {}
    names = work.names(Side.RIGHT)
    first, last = work.model.lags.core
    for left, is_open in enumerate(work.open_left):
        if not is_open:
            continue
        amount = work.left.amounts[left]
        day = work.left.days[left]
        low, high = (
            (day + first - work.parameters.near_slack_days, day + last + work.parameters.near_slack_days)
            if day is not None
            else (0, 10**9)
        )
        tolerance = rule.tolerance(work.left.lines[left].currency, work.left.lines[left].counterparty)
        bag = work.left.words[left]
        for right in sorted({*names.near(bag, low, high, work.parameters.name_reach), *names.bearing(bag)}):
            other = work.right.amounts[right]
            if not work.open_right[right] or other == amount or (other < 0) != (amount < 0):
                continue
            if rule.amount is AmountGate.TRANSPOSED:
                if not transposed(amount, other):
                    continue
                chance = work.parameters.swapped_amounts * max(
                    work.model.chance_equal(other), 1e-4
                )  # about ten amounts are one swap away
            else:
                if not tolerance.allows(amount - other, max(abs(amount), abs(other))):
                    continue
                reach = abs(amount - other)
                chance = work.model.chance_between(abs(amount) - reach, abs(amount) + reach)
                if rule.kind == "near" and difference_kind(rule.kind, amount - other, amount) == "cash_discount":
                    chance = min(chance, work.parameters.discount_amounts * work.model.chance_equal(other))
                chance = max(chance * work.model.open_share, 1e-3)
            if not work.within(left, right, rule):
                continue
            agreement, strongest, _, reference, _ = work.brief(left, right)
            if (
                strongest < work.parameters.name_weight
                or agreement < work.parameters.name_weight
                or (Need.REFERENCE in rule.needs and not reference)
            ):
                continue
            score = prior - math.log(chance) + agreement + max(work.parameters.late, work.lag(left, right))
            if score > 0.0:
                edges[(left, right)] = score
    return edges


def sure_pairs(work: Work) -> list[tuple[int, int]]:
    """Return pairs of equal amount that beat every rival of both lines clearly: good enough to learn from."""
    best_left: dict[int, list[float]] = {}
    best_right: dict[int, list[float]] = {}
    for (left, right), score in work.equal.items():
        best_left.setdefault(left, []).append(score)
        best_right.setdefault(right, []).append(score)
    found = []
    for (left, right), score in work.equal.items():
        if score < work.parameters.learn_score:
            continue
        rivals = sorted(best_left[left], reverse=True)[1:2] + sorted(best_right[right], reverse=True)[1:2]
        if (
            score == max(best_left[left]) == max(best_right[right])
            and score - max(rivals, default=0.0) >= work.parameters.learn_margin
        ):
            found.append((left, right))
    return found
