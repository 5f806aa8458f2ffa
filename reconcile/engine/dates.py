"""What the days between two lines say: counted in days on which the books are open, by who pays and how.

A card payment is at the bank the next day and a cheque takes a week; a Friday's entry is there on Monday. Both are
read off the anchors (see learn.py): closed days are those on which neither book ever has a line, and each frequent
word ("check", a processor, a payer) has a habit of its own, which leans on everybody's where it is seldom seen.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from reconcile.engine.parameters import Parameters
from reconcile.engine.prepare import Book


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are closed. Units: ordinals; weekdays count from Monday as 0, as of ordinal 1."""

    weekdays: frozenset[int] = frozenset()
    holidays: tuple[int, ...] = ()
    _counted: dict[int, int] = field(default_factory=dict, compare=False)

    def count(self, day: int) -> int:
        """Open days up to and including a day: the difference of two counts is their distance in open days."""
        found = self._counted.get(day)
        if found is None:
            weeks, rest = divmod(day, 7)
            closed = weeks * len(self.weekdays) + sum((at - 1) % 7 in self.weekdays for at in range(1, rest + 1))
            found = self._counted[day] = day - closed - bisect_right(self.holidays, day)
        return found


@dataclass(frozen=True, slots=True)
class Habit:
    """Scores by distance in open days, what a far one scores, and by how much this differs from everybody's."""

    scores: Mapping[int, float]
    far: float
    distinctive: float = 0.0

    def score(self, lag: int) -> float:
        """Return how likely a distance is for one event, against two lines that meet by chance."""
        return self.scores.get(lag, self.far)


@dataclass(frozen=True, slots=True)
class Lags:
    """Everything learned about days. core holds the distances in calendar days of all but 1 % of the anchors."""

    core: tuple[int, int]
    calendar: Calendar = Calendar()
    usual: Habit = Habit({}, -6.0)
    habits: Mapping[str, Habit] = field(default_factory=dict)

    @classmethod
    def unknown(cls, parameters: Parameters, calendar: Calendar | None = None) -> Lags:
        """Return what is known before any pair is."""
        return cls((-parameters.core_days, parameters.core_days), calendar or Calendar())

    def habit(self, words: Iterable[str]) -> Habit:
        """Return the habit of a line: the most distinctive one among its words."""
        found = self.usual
        for word in words:
            habit = self.habits.get(word)
            if habit is not None and habit.distinctive > found.distinctive:
                found = habit
        return found


def learn_lags(left: Book, right: Book, anchors: Sequence[tuple[int, int]], parameters: Parameters) -> Lags:
    """Read the calendar, everybody's habit and those of frequent words off pairs taken as true."""
    calendar = _calendar(left, right, parameters)
    dated = [
        (left_at, right_at, calendar.count(right_day) - calendar.count(left_day), right_day - left_day)
        for left_at, right_at in anchors
        if (left_day := left.days[left_at]) is not None
        and (right_day := right.days[right_at]) is not None
        and abs(right_day - left_day) <= parameters.lag_reach
    ]
    chance = _chances(left, right, calendar, parameters)
    if not chance:
        return Lags.unknown(parameters, calendar)
    lags = Counter(lag for _, _, lag, _ in dated)
    likely = _usual(lags, parameters.lag_reach)
    days = Counter(days for _, _, _, days in dated)
    by_word: dict[str, Counter[int]] = {}
    frequent = Counter(word for left_at, right_at, _, _ in dated for word in left.bags[left_at] | right.bags[right_at])
    for left_at, right_at, lag, _ in dated:
        for word in left.bags[left_at] | right.bags[right_at]:
            if frequent[word] >= parameters.habit_lags:
                by_word.setdefault(word, Counter())[lag] += 1
    habits = {}
    for word, own in by_word.items():
        total = own.total() + parameters.habit_prior
        theirs = {lag: (_smooth(own, lag) + parameters.habit_prior * share) / total for lag, share in likely.items()}
        distinctive = sum(share * math.log(share / likely[lag]) for lag, share in theirs.items())
        if distinctive >= parameters.habit_differs:
            habits[word] = _habit(theirs, chance, distinctive, parameters.lag_reach)
    usual = _habit(likely, chance, 0.0, parameters.lag_reach)
    return Lags(_core(days, parameters), calendar, usual, habits)


def _calendar(left: Book, right: Book, parameters: Parameters) -> Calendar:
    counts = Counter(day for side in (left, right) for day in side.days if day is not None)
    by_weekday = Counter[int]()
    for day, count in counts.items():
        by_weekday[(day - 1) % 7] += count
    busy = counts.total() / 7
    closed = frozenset(
        at for at in range(7) if busy >= parameters.busy_lines and by_weekday[at] <= parameters.stray_share * busy
    )
    if not counts or max(counts) - min(counts) > parameters.longest_span_days:
        return Calendar(closed)
    open_days = [day for day in range(min(counts), max(counts) + 1) if (day - 1) % 7 not in closed]
    busy = counts.total() / max(1, len(open_days))
    return Calendar(
        closed,
        tuple(
            day for day in open_days if busy >= parameters.busy_lines and counts[day] <= parameters.stray_share * busy
        ),
    )


def _usual(lags: Counter[int], far: int) -> dict[int, float]:
    """Return how likely each distance is for anybody: the anchors', smoothed, leaning on "near the middle one"."""
    ordered = sorted(lags.elements())
    centre = ordered[len(ordered) // 2] if ordered else 0
    count = lags.total()
    pseudo = 3.0 + 0.02 * count
    reach = range(-far, far + 1)
    norm = sum(1.0 / (1.0 + abs(lag)) ** 2 for lag in reach)
    return {
        lag: (_smooth(lags, lag) + pseudo / (1.0 + abs(lag - centre)) ** 2 / norm) / (count + pseudo) for lag in reach
    }


def _smooth(lags: Counter[int], lag: int) -> float:
    return 0.9 * lags[lag] + 0.05 * (lags[lag - 1] + lags[lag + 1])


def _habit(likely: Mapping[int, float], chance: Mapping[int, float], distinctive: float, far: int) -> Habit:
    floor = 1.0 / (2 * far)
    scores = {
        lag: max(-8.0, min(6.0, math.log(share / max(chance.get(lag, 0.0), floor)))) for lag, share in likely.items()
    }
    return Habit(scores, min(-6.0, scores[far], scores[-far]), distinctive)


def _core(days: Counter[int], parameters: Parameters) -> tuple[int, int]:
    ordered = sorted(days.elements())
    centre = ordered[len(ordered) // 2] if ordered else 0
    if len(ordered) < parameters.enough_lags:
        return (centre - parameters.core_days, centre + parameters.core_days)
    cut = len(ordered) // 100
    return (min(ordered[cut], centre - 1), max(ordered[-1 - cut], centre + 1))


def _chances(left: Book, right: Book, calendar: Calendar, parameters: Parameters) -> dict[int, float]:
    """Share of all cross pairs at each distance: what two unrelated lines show."""
    reach = range(-parameters.lag_reach, parameters.lag_reach + 1)
    left_days = [calendar.count(day) for day in left.days if day is not None]
    right_days = [calendar.count(day) for day in right.days if day is not None]
    if not left_days or not right_days:
        return {}
    first, last = min(*left_days, *right_days), max(*left_days, *right_days)
    if last - first > parameters.longest_span_days:
        return dict.fromkeys(reach, 1.0 / 60.0)
    span = last - first + 1
    left_counts = np.bincount(np.array(left_days) - first, minlength=span).astype(np.float64)
    right_counts = np.bincount(np.array(right_days) - first, minlength=span).astype(np.float64)
    size = 1 << (2 * span - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(right_counts, size) * np.conj(np.fft.rfft(left_counts, size)), size)
    total = float(len(left_days)) * len(right_days)
    return {lag: max(0.0, float(product[lag % size])) / total for lag in reach if abs(lag) < span}
