"""Precision and recall of an answer against a labelled truth, for confirmed and for confirmed + suggested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconcile.engine.results import Outcome, Status
from tests.support.matchgen import Labelled


@dataclass(slots=True)
class Score:
    """Counts of one kind (or of all)."""

    truth: int = 0
    found: int = 0
    right: int = 0

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.truth if self.truth else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


Answer = tuple[str, str, str]  # ("pair", left, right), or (kind of finding, id, other id) with sorted ids for an offset


@dataclass(slots=True)
class Report:
    """Scores of confirmed and of all answers, in total and by kind of trouble; and the wrong confirmed ones."""

    confirmed: Score = field(default_factory=Score)
    everything: Score = field(default_factory=Score)
    by_kind: dict[str, tuple[Score, Score]] = field(default_factory=dict)
    wrong_confirmed: list[Answer] = field(default_factory=list)
    confirmed_ties: int = 0


def truth_of(labelled: Labelled) -> dict[Answer, str]:
    """Every true answer with its kind of trouble."""
    truth: dict[Answer, str] = {("pair", left, right): kind for (left, right), kind in labelled.pairs.items()}
    for (_, one, other), (finding, kind) in labelled.one_sided.items():
        truth[(finding, *_ordered(finding, one, other))] = kind
    return truth


def answers_of(outcome: Outcome) -> dict[Answer, Status]:
    """Every answer that the engine gave. An n:m match says that all its lines belong together."""
    answers: dict[Answer, Status] = {}
    for match in outcome.matches:
        for left in match.left_ids:
            for right in match.right_ids:
                answers[("pair", left, right)] = match.status
    for finding in outcome.one_sided:
        answers[(finding.kind.value, *_ordered(finding.kind.value, finding.id, finding.other_id))] = finding.status
    return answers


def _ordered(finding: str, one: str, other: str) -> tuple[str, str]:
    return (min(one, other), max(one, other)) if finding == "offset" else (one, other)


def score(labelled: Labelled, answers: Mapping[Answer, Status]) -> Report:
    """Compare answers with the truth. A tie counts as found by any arrangement, and as an error when confirmed."""
    truth = truth_of(labelled)
    report = Report()
    ties = {("pair", left, right) for left, right in labelled.ties}
    for wanted, chosen, pick in ((Status.CONFIRMED, report.confirmed, 0), (None, report.everything, 1)):
        given = {answer for answer, status in answers.items() if wanted is None or status is wanted}
        chosen.truth, chosen.found = len(truth), len(given)
        _count(truth, given, ties, chosen, report, pick)
        if wanted is not None:
            report.wrong_confirmed = sorted(given - truth.keys() - ties)
            report.confirmed_ties = len(given & ties)
    return report


def _count(
    truth: Mapping[Answer, str], given: Iterable[Answer], ties: set[Answer], total: Score, report: Report, pick: int
) -> None:
    kinds = Counter(truth.values())
    for kind, count in kinds.items():
        report.by_kind.setdefault(kind, (Score(), Score()))[pick].truth = count
    for answer in given:
        kind = truth.get(answer) or ("twins" if answer in ties else "")
        if kind:
            total.right += 1
            report.by_kind[kind][pick].right += 1
            report.by_kind[kind][pick].found += 1
