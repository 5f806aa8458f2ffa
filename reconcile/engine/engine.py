"""The matching engine: two lists of lines in, one explained answer out. No clock, no random numbers, no IO.

`match` separates currencies, learns what the data says about itself, and runs the rules in sweeps: first only what is
sure, which is confirmed; then what is likely though tied, then whatever deserves a suggestion. So no guess ever takes a
line away from a certainty that a later rule would have found, and nothing is confirmed because a guess came first.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from reconcile.engine import groups, one_sided, one_to_one
from reconcile.engine.bridge import bridge
from reconcile.engine.learn import Model, learn, learn_from
from reconcile.engine.lines import Line, Orientation, Side
from reconcile.engine.parameters import PARAMETERS, Parameters
from reconcile.engine.prepare import Book, book, orientation, settle_words, shared_ids
from reconcile.engine.reasons import unmatched
from reconcile.engine.results import Match, OneSided, Outcome, Unmatched
from reconcile.engine.rules import Rule, RuleSet, Shape
from reconcile.engine.work import Work

Pass = Callable[[Work, Rule, bool, float], None]
Progress = Callable[[str, int, int], None]

PASSES: Mapping[Shape, Pass] = {
    Shape.ONE_TO_ONE: one_to_one.run,
    Shape.GROUP: groups.run,
    Shape.MANY_TO_MANY: groups.run_many,
    Shape.OFFSET: one_sided.run,
    Shape.RETURN: one_sided.run,
    Shape.DUPLICATE: one_sided.run,
}
Forbidden = frozenset[tuple[str, str]]
NONE_FORBIDDEN: Forbidden = frozenset()
# (whether a sweep confirms, whether the lines that are still open are compared anew before it): what is sure; what is
# sure now that those lines are gone; what is likely though tied; what deserves a suggestion. Nothing is confirmed by
# what an amount is worth among open lines only: many of those have no partner at all.
SWEEPS = ((True, False), (True, False), (False, True), (False, False))


@dataclass(frozen=True, slots=True)
class Learned:
    """What one data set taught: sign reading, whether ids count, and one model a currency. Frozen once made."""

    orientation: Orientation
    ids_count: bool
    models: Mapping[str, Model]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What one run goes by, whatever the currency. models are those that were learned before; None to learn now."""

    rules: RuleSet
    parameters: Parameters
    signs: Orientation
    ids_count: bool
    models: Mapping[str, Model] | None
    forbidden: Forbidden


def match(
    left: Sequence[Line],
    right: Sequence[Line],
    rules: RuleSet,
    learned: Learned | None = None,
    progress: Progress | None = None,
    forbidden: Forbidden = NONE_FORBIDDEN,
    parameters: Parameters = PARAMETERS,
) -> Outcome:
    """Explain every line of two sides.

    Shapes:  left is (n,), right is (m,), any order, any mix of currencies; ids are unique within a side.
    learned is what `learn_all` found before; without it the lines themselves teach. forbidden are (left id, right id)
    pairs that a person has ruled out.
    Units:   minor units; the outcome's amounts and differences are in the left side's sign.
    Ensures: the same lines in any order give the same outcome; each line is explained once or listed as unmatched;
             left total - right total = the bridge's rows, residual 0, per currency; ties are suggestions.
    """
    terms = _terms(left, right, rules, parameters, learned, forbidden)
    matches: list[Match] = []
    findings: list[OneSided] = []
    still_open: list[Unmatched] = []
    uses: Counter[str] = Counter()
    limits: set[str] = set()
    for currency in sorted({line.currency for line in (*left, *right)}):
        with _collector_paused():
            work = _ready(left, right, currency, terms)
            _run_rules(work, progress)
            still_open += unmatched(work)
        matches += work.matches
        findings += work.one_sided
        uses += work.uses
        limits |= work.limits_hit
    rows, totals = bridge(left, right, terms.signs, matches, findings, still_open)
    return Outcome(
        matches=tuple(sorted(matches, key=lambda one: (one.left_ids, one.right_ids))),
        one_sided=tuple(sorted(findings, key=lambda one: (one.side, one.id))),
        unmatched=tuple(sorted(still_open, key=lambda one: (one.side, one.id))),
        bridge=rows,
        totals=totals,
        orientation=terms.signs,
        rules_version=rules.version,
        rule_uses={rule.name: uses.get(rule.name, 0) for rule in rules.rules},
        limits_hit=tuple(sorted(limits)),
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Search for no reference cycles: there are none, and over millions of objects it takes a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def learn_all(
    left: Sequence[Line], right: Sequence[Line], rules: RuleSet, parameters: Parameters = PARAMETERS
) -> Learned:
    """Learn from a data set once, to match many later states of it with the same frozen numbers."""
    terms = _terms(left, right, rules, parameters)
    models = {}
    for currency in sorted({line.currency for line in (*left, *right)}):
        models[currency] = _ready(left, right, currency, terms).model
    return Learned(terms.signs, terms.ids_count, models)


def _terms(
    left: Sequence[Line],
    right: Sequence[Line],
    rules: RuleSet,
    parameters: Parameters,
    learned: Learned | None = None,
    forbidden: Forbidden = NONE_FORBIDDEN,
) -> _Terms:
    if learned:
        return _Terms(rules, parameters, learned.orientation, learned.ids_count, learned.models, forbidden)
    return _Terms(rules, parameters, orientation(left, right), shared_ids(left, right), None, forbidden)


def _ready(left: Sequence[Line], right: Sequence[Line], currency: str, terms: _Terms) -> Work:
    """Read the lines of one currency, learn from them unless that was done before, and compare equal amounts."""
    lefts = book(Side.LEFT, [line for line in left if line.currency == currency], terms.signs, terms.ids_count)
    rights = book(Side.RIGHT, [line for line in right if line.currency == currency], terms.signs, terms.ids_count)
    if terms.models is not None:
        frozen = terms.models.get(currency) or _untaught(terms)
        settle_words(lefts, rights, terms.parameters, frozen.slips)
        return _work(lefts, rights, frozen, terms)
    model = learn(lefts, rights, settle_words(lefts, rights, terms.parameters), terms.parameters)
    work = _work(lefts, rights, model, terms)
    if model.anchors >= terms.parameters.enough_anchors:
        return work
    # Once more, from what the first reading is sure of: more anchors, and not only odd amounts.
    sure = one_to_one.sure_pairs(work)
    if len(sure) > model.anchors:
        learn_from(model, lefts, rights, sure)
        work = _work(lefts, rights, model, terms)
    return work


def _untaught(terms: _Terms) -> Model:
    """Return the model of a currency that was not there when the engine learned: priors only."""
    left, right = (book(side, (), terms.signs, ids_count=False) for side in (Side.LEFT, Side.RIGHT))
    return learn(left, right, {}, terms.parameters)


def _work(lefts: Book, rights: Book, model: Model, terms: _Terms) -> Work:
    work = Work(left=lefts, right=rights, model=model, rules=terms.rules, forbidden=terms.forbidden)
    work.compare_equal()
    return work


def _run_rules(work: Work, progress: Progress | None) -> None:
    rules = work.rules.rules
    for sweep, (confirming, looks_again) in enumerate(SWEEPS):
        if looks_again:
            work.look_again()
        for at, rule in enumerate(rules):
            if progress:
                progress(rule.name, sweep * len(rules) + at, len(SWEEPS) * len(rules))
            last = sweep == len(SWEEPS) - 1
            PASSES[rule.shape](work, rule, confirming, rule.suggest_score if last else rule.confirm_score)
