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

from reconcile.engine.prepare import Book

LAG_REACH = 400  # days; beyond it a distance says no more than "far"
CORE_FALLBACK = 7
ENOUGH_LAGS = 20  # below it the core is a week on both sides
BUSY = 10.0  # lines that a day or weekday should have, from which (nearly) none means that it is closed
STRAY_SHARE = 0.03  # of the lines that it should have: a closed day may have so many all the same
HABIT_LAGS = 40  # anchors with a word before it has a habit of its own ...
HABIT_PRIOR = 20.0  # ... and how many anchors everybody's habit counts beside them
HABIT_DIFFERS = 0.1  # nats by which a habit must differ from everybody's to be kept
CENTURY = 40_000  # days; dates so far apart are errors of one line, not a span worth an array


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
    telling: float = 0.0

    def score(self, lag: int) -> float:
        """How likely a distance is for one event, against two lines that meet by chance."""
        return self.scores.get(lag, self.far)


@dataclass(frozen=True, slots=True)
class Lags:
    """Everything learned about days. core holds the distances in calendar days of all but 1 % of the anchors."""

    calendar: Calendar = Calendar()
    usual: Habit = Habit({}, -6.0)
    habits: Mapping[str, Habit] = field(default_factory=dict)
    core: tuple[int, int] = (-CORE_FALLBACK, CORE_FALLBACK)

    def habit(self, words: Iterable[str]) -> Habit:
        """The habit of a line: the most telling one among its words."""
        found = self.usual
        for word in words:
            habit = self.habits.get(word)
            if habit is not None and habit.telling > found.telling:
                found = habit
        return found


def learn_lags(left: Book, right: Book, anchors: Sequence[tuple[int, int]]) -> Lags:
    """Read the calendar, everybody's habit and those of frequent words off pairs taken as true."""
    calendar = _calendar(left, right)
    dated = [
        (left_at, right_at, calendar.count(right_day) - calendar.count(left_day), right_day - left_day)
        for left_at, right_at in anchors
        if (left_day := left.days[left_at]) is not None
        and (right_day := right.days[right_at]) is not None
        and abs(right_day - left_day) <= LAG_REACH
    ]
    chance = _chances(left, right, calendar)
    if not chance:
        return Lags(calendar)
    lags = Counter(lag for _, _, lag, _ in dated)
    likely = _usual(lags)
    days = Counter(days for _, _, _, days in dated)
    by_word: dict[str, Counter[int]] = {}
    frequent = Counter(word for left_at, right_at, _, _ in dated for word in left.bags[left_at] | right.bags[right_at])
    for left_at, right_at, lag, _ in dated:
        for word in left.bags[left_at] | right.bags[right_at]:
            if frequent[word] >= HABIT_LAGS:
                by_word.setdefault(word, Counter())[lag] += 1
    habits = {}
    for word, own in by_word.items():
        total = own.total() + HABIT_PRIOR
        theirs = {lag: (_smooth(own, lag) + HABIT_PRIOR * share) / total for lag, share in likely.items()}
        telling = sum(share * math.log(share / likely[lag]) for lag, share in theirs.items())
        if telling >= HABIT_DIFFERS:
            habits[word] = _habit(theirs, chance, telling)
    return Lags(calendar, _habit(likely, chance, 0.0), habits, _core(days))


def _calendar(left: Book, right: Book) -> Calendar:
    counts = Counter(day for side in (left, right) for day in side.days if day is not None)
    by_weekday = Counter[int]()
    for day, count in counts.items():
        by_weekday[(day - 1) % 7] += count
    busy = counts.total() / 7
    closed = frozenset(at for at in range(7) if busy >= BUSY and by_weekday[at] <= STRAY_SHARE * busy)
    if not counts or max(counts) - min(counts) > CENTURY:
        return Calendar(closed)
    open_days = [day for day in range(min(counts), max(counts) + 1) if (day - 1) % 7 not in closed]
    busy = counts.total() / max(1, len(open_days))
    return Calendar(closed, tuple(day for day in open_days if busy >= BUSY and counts[day] <= STRAY_SHARE * busy))


def _usual(lags: Counter[int]) -> dict[int, float]:
    """How likely each distance is for anybody: the anchors', smoothed, leaning on "near the middle one"."""
    ordered = sorted(lags.elements())
    centre = ordered[len(ordered) // 2] if ordered else 0
    count = lags.total()
    pseudo = 3.0 + 0.02 * count
    reach = range(-LAG_REACH, LAG_REACH + 1)
    norm = sum(1.0 / (1.0 + abs(lag)) ** 2 for lag in reach)
    return {
        lag: (_smooth(lags, lag) + pseudo / (1.0 + abs(lag - centre)) ** 2 / norm) / (count + pseudo) for lag in reach
    }


def _smooth(lags: Counter[int], lag: int) -> float:
    return 0.9 * lags[lag] + 0.05 * (lags[lag - 1] + lags[lag + 1])


def _habit(likely: Mapping[int, float], chance: Mapping[int, float], telling: float) -> Habit:
    floor = 1.0 / (2 * LAG_REACH)
    scores = {
        lag: max(-8.0, min(6.0, math.log(share / max(chance.get(lag, 0.0), floor)))) for lag, share in likely.items()
    }
    return Habit(scores, min(-6.0, scores[LAG_REACH], scores[-LAG_REACH]), telling)


def _core(days: Counter[int]) -> tuple[int, int]:
    ordered = sorted(days.elements())
    centre = ordered[len(ordered) // 2] if ordered else 0
    if len(ordered) < ENOUGH_LAGS:
        return (centre - CORE_FALLBACK, centre + CORE_FALLBACK)
    cut = len(ordered) // 100
    return (min(ordered[cut], centre - 1), max(ordered[-1 - cut], centre + 1))


def _chances(left: Book, right: Book, calendar: Calendar) -> dict[int, float]:
    """Share of all cross pairs at each distance: what two unrelated lines show."""
    left_days = [calendar.count(day) for day in left.days if day is not None]
    right_days = [calendar.count(day) for day in right.days if day is not None]
    if not left_days or not right_days:
        return {}
    first, last = min(*left_days, *right_days), max(*left_days, *right_days)
    if last - first > CENTURY:
        return dict.fromkeys(range(-LAG_REACH, LAG_REACH + 1), 1.0 / 60.0)
    span = last - first + 1
    left_counts = np.bincount(np.array(left_days) - first, minlength=span).astype(np.float64)
    right_counts = np.bincount(np.array(right_days) - first, minlength=span).astype(np.float64)
    size = 1 << (2 * span - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(right_counts, size) * np.conj(np.fft.rfft(left_counts, size)), size)
    total = float(len(left_days)) * len(right_days)
    return {
        lag: max(0.0, float(product[lag % size])) / total for lag in range(-LAG_REACH, LAG_REACH + 1) if abs(lag) < span
    }
