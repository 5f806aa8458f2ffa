"""The books on which the passes of one currency work: both books, what is still open, and what was found.

A pass reads `work.open`, compares lines with `work.score_equal`, `work.text` and `work.lag`, and lays its findings down
with `join` or `explain`. Nothing here chooses; choosing is the passes' and `assign.py`'s part.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reconcile.engine.dates import Habit
from reconcile.engine.learn import Alike, Brief, LongText, Model, TextEvidence, Weighed
from reconcile.engine.lines import Side
from reconcile.engine.parameters import Parameters
from reconcile.engine.prepare import Book
from reconcile.engine.results import Match, OneSided, RunnerUp, Status
from reconcile.engine.rules import Rule, RuleSet, Shape
from reconcile.engine.text import words

RULED_OUT: Brief = (-1000.0, 0.0, -1000.0, False, -1000.0)
NO_LINES = array("I")
_SLOT = 10_000_000  # right positions below, left ones above


@dataclass(slots=True)
class Work:
    """State of one run over one currency; see the module's docstring."""

    left: Book
    right: Book
    model: Model
    rules: RuleSet
    forbidden: frozenset[tuple[str, str]] = frozenset()
    parameters: Parameters = field(init=False)
    open_left: list[bool] = field(default_factory=list)
    open_right: list[bool] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)
    one_sided: list[OneSided] = field(default_factory=list)
    uses: Counter[str] = field(default_factory=Counter)
    limits_hit: set[str] = field(default_factory=set)
    equal: dict[tuple[int, int], float] = field(default_factory=dict)
    alike: Alike = field(default_factory=dict)
    with_reference: set[tuple[int, int]] = field(default_factory=set)
    explained: dict[tuple[object, ...], list[Any]] = field(default_factory=dict)
    contested: set[tuple[Side, int]] = field(default_factory=set)  # a sum and a single line explain these equally well
    _counts: dict[Side, list[tuple[int | None, Habit]]] = field(default_factory=dict)
    _names: dict[Side, NameIndex] = field(default_factory=dict)
    _meets: dict[Side, dict[int, set[int]]] = field(default_factory=dict)
    _both_signs: dict[Side, list[tuple[int, list[int], list[int]]]] = field(default_factory=dict)
    _by_amount: dict[Side, dict[int, list[int]]] = field(default_factory=dict)
    _numbers: dict[Side, frozenset[str]] = field(default_factory=dict)
    _return_words: frozenset[str] = frozenset()
    twins: dict[Side, tuple[Counter[str], dict[int, list[int]]]] = field(default_factory=dict)
    pools: dict[tuple[str, Side, int], tuple[list[int], list[int], bool]] = field(default_factory=dict)
    near: dict[str, dict[tuple[int, int], float]] = field(default_factory=dict)
    _weighed: dict[int, tuple[Weighed, ...]] = field(default_factory=dict)
    _briefs: dict[int, Brief] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parameters = self.model.parameters
        self.open_left = [True] * len(self.left)
        self.open_right = [True] * len(self.right)
        self._return_words = keyword_words(rule for rule in self.rules.rules if rule.shape is Shape.RETURN)
        lags = self.model.lags
        for side in (self.left, self.right):
            self._counts[side.side] = [
                (None if day is None else lags.calendar.count(day), lags.habit(words))
                for day, words in zip(side.days, side.words, strict=True)
            ]

    def book(self, side: Side) -> Book:
        """Return the book of a side."""
        return self.left if side is Side.LEFT else self.right

    def open(self, side: Side) -> list[bool]:
        """Return which lines of a side nothing has explained yet."""
        return self.open_left if side is Side.LEFT else self.open_right

    def text(self, left: int, right: int) -> TextEvidence:
        """Compare the texts of a left and a right line, with the words behind the score."""
        return self.model.text(*self._sides(left, right))

    def brief(self, left: int, right: int) -> Brief:
        """`text` without the words behind it, remembered; groups ask often."""
        key = left * _SLOT + right
        found = self._briefs.get(key)
        if found is None:
            found = self._briefs[key] = self.brief_once(left, right)
        return found

    def brief_once(self, left: int, right: int) -> Brief:
        """`brief`, not remembered: for the many pairs that are looked at once."""
        return RULED_OUT if self.rules_out(left, right) else self.model.brief(*self._sides(left, right))

    def brief_from(self, side: Side, at: int, other: int) -> Brief:
        """`brief` of a line of a side and one of the other side."""
        return self.brief(at, other) if side is Side.LEFT else self.brief(other, at)

    def _sides(self, left: int, right: int) -> tuple[tuple[Weighed, ...], str, LongText]:
        if self.model.terse is Side.LEFT:
            short, long, at_short, at_long = self.left, self.right, left, right
        else:
            short, long, at_short, at_long = self.right, self.left, right, left
        weighed = self._weighed.get(at_short)
        if weighed is None:
            weighed = self._weighed[at_short] = self.model.weighed(short.words[at_short], long.frequency)
        return weighed, short.squashes[at_short], (long.bags[at_long], long.names[at_long], long.squashes[at_long])

    def rules_out(self, left: int, right: int) -> bool:
        """Return whether a person has said that these two don't belong together."""
        return bool(self.forbidden) and (self.left.lines[left].id, self.right.lines[right].id) in self.forbidden

    def lag(self, left: int, right: int) -> float:
        """Score of the days between a left and a right line, by the more distinctive habit of the two."""
        left_count, left_habit = self._counts[Side.LEFT][left]
        right_count, right_habit = self._counts[Side.RIGHT][right]
        if left_count is None or right_count is None:
            return 0.0
        habit = left_habit if left_habit.distinctive > right_habit.distinctive else right_habit
        return habit.score(right_count - left_count)

    def window(self, side: Side, at: int) -> tuple[int, int]:
        """Day numbers between which the partners of a line lie, from the learned date distances."""
        day = self.book(side).days[at]
        if day is None:
            return 0, 10**9
        first, last = self.model.lags.core
        if side is Side.RIGHT:
            return day - last - self.parameters.window_slack_days, day - first + self.parameters.window_slack_days
        return day + first - self.parameters.window_slack_days, day + last + self.parameters.window_slack_days

    def within(self, left: int, right: int, rule: Rule) -> bool:
        """Return whether a rule's date window allows two lines; a line without a date is allowed."""
        left_day, right_day = self.left.days[left], self.right.days[right]
        if rule.first_day is None or rule.last_day is None or left_day is None or right_day is None:
            return True
        return rule.first_day <= right_day - left_day <= rule.last_day

    def meets(self, side: Side) -> dict[int, set[int]]:
        """Return for each line of a side the lines of equal amount that plausibly record the same event."""
        if side not in self._meets:
            plausible = self.parameters.plausible
            found: dict[int, set[int]] = {}
            for (left, right), score in self.equal.items():
                if score < plausible:
                    continue
                mine, other = (left, right) if side is Side.LEFT else (right, left)
                found.setdefault(mine, set()).add(other)
            self._meets[side] = found
        return self._meets[side]

    def both_signs(self, side: Side) -> list[tuple[int, list[int], list[int]]]:
        """Sizes that a side has with both signs (as its file has them), with the debits and the credits."""
        if side not in self._both_signs:
            found: dict[int, tuple[list[int], list[int]]] = {}
            for at, line in enumerate(self.book(side).lines):
                if line.amount_minor:
                    found.setdefault(abs(line.amount_minor), ([], []))[line.amount_minor > 0].append(at)
            self._both_signs[side] = [(size, *lists) for size, lists in found.items() if lists[0] and lists[1]]
        return self._both_signs[side]

    def by_amount(self, side: Side) -> dict[int, list[int]]:
        """Return all lines of a side by amount."""
        if side not in self._by_amount:
            self._by_amount[side] = _by_amount(self.book(side))
        return self._by_amount[side]

    def named_by(self, side: Side, at: int) -> bool:
        """Return whether a line of the other side bears a number of this line that hardly any other line has."""
        if side not in self._numbers:
            found: dict[str, int] = {}
            for bag in self.book(side.other).words:
                for word in bag:
                    if len(word) >= self.parameters.long_key and not word.isalpha():
                        found[word] = found.get(word, 0) + 1
            self._numbers[side] = frozenset(
                word
                for word, count in found.items()
                if count <= self.parameters.few_lines and self.model.worth(word) >= self.parameters.key_worth
            )
        numbers = self._numbers[side]
        return any(word in numbers for word in self.book(side).words[at])

    def names_return(self, side: Side, at: int) -> bool:
        """Return whether a line says by a word of the return rules that it is money that came back."""
        return not self._return_words.isdisjoint(self.book(side).bags[at])

    def names(self, side: Side) -> NameIndex:
        """Open lines of a side by the beginnings of their names."""
        if side not in self._names:
            self._names[side] = NameIndex(self.book(side), self.model, self.open(side))
        return self._names[side]

    # -- laying findings down -------------------------------------------------------------------------------------

    def join(
        self,
        rule: Rule,
        lefts: tuple[int, ...],
        rights: tuple[int, ...],
        status: Status,
        score: float,
        margin: float,
        evidence: TextEvidence,
        kind: str,
        runner_up: RunnerUp | None = None,
        candidates: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Close lines of both sides as one match."""
        left_lines = [self.left.lines[at] for at in lefts]
        right_lines = [self.right.lines[at] for at in rights]
        difference = sum(self.left.amounts[at] for at in lefts) - sum(self.right.amounts[at] for at in rights)
        agrees = [f"text: {' '.join(evidence.agrees)}"] if evidence.agrees else []
        differs = [f"text: {' '.join(evidence.differs)}"] if evidence.differs else []
        (differs if difference else agrees).append(
            f"amount: {difference} minor units apart" if difference else "amount"
        )
        lag = self._lag_words(lefts, rights)
        if lag is not None:
            (differs if lag else agrees).append(f"date: {lag} days apart" if lag else "date")
        self.matches.append(
            Match(
                left_ids=tuple(line.id for line in left_lines),
                right_ids=tuple(line.id for line in right_lines),
                parts=_parts(self.left, self.right, lefts, rights),
                currency=left_lines[0].currency,
                status=status,
                rule=rule.name,
                rules_version=self.rules.version,
                score=round(score, 3),
                margin=round(margin, 3),
                difference_minor=difference,
                kind=kind,
                agrees=tuple(agrees),
                differs=tuple(differs),
                runner_up=runner_up,
                candidates=candidates,
            )
        )
        self.uses[rule.name] += 1
        for at in lefts:
            self.open_left[at] = False
        for at in rights:
            self.open_right[at] = False

    def _lag_words(self, lefts: tuple[int, ...], rights: tuple[int, ...]) -> int | None:
        lags = [
            right_day - left_day
            for left in lefts
            for right in rights
            if (left_day := self.left.days[left]) is not None and (right_day := self.right.days[right]) is not None
        ]
        return max(lags, key=abs) if lags else None

    def explain(self, finding: OneSided, closes: Iterable[int]) -> None:
        """Close lines of one side as explained by their own side."""
        self.one_sided.append(finding)
        self.uses[finding.rule] += 1
        for at in closes:
            self.open(finding.side)[at] = False

    def look_again(self) -> None:
        """Forget what was compared while lines stood in the way that are explained by now, and compare the rest."""
        self.near.clear()
        self.pools.clear()
        self.explained.clear()
        self._names.clear()
        self._meets.clear()
        self.compare_equal()

    # -- pairs of equal amount ------------------------------------------------------------------------------------

    def compare_equal(self) -> None:
        """Score all pairs of open lines of equal amount; passes then choose among them.

        Ensures: time and memory are bounded for any number of lines of one amount; limits_hit names such amounts.
        """
        self.equal.clear()
        self.with_reference.clear()
        hopeless, faint = self.parameters.hopeless, self.parameters.faint
        at_right = self.by_amount(Side.RIGHT)
        for amount, all_lefts in self.by_amount(Side.LEFT).items():
            lefts = [at for at in all_lefts if self.open_left[at]]
            rights = [at for at in at_right.get(amount, ()) if self.open_right[at]]
            if not lefts or not rights or amount == 0:
                continue
            others = max(len(lefts), len(rights)) - 1
            worth = self.model.amount_score(amount, others)
            for left, right in self._block(amount, lefts, rights):
                lag = self.lag(left, right)
                if worth + lag < hopeless or self.rules_out(left, right):
                    continue
                agreement, _, _, reference, _ = self.model.brief(*self._sides(left, right))
                score = worth + lag + agreement
                if score > faint:
                    self.equal[(left, right)] = score
                    if reference:
                        self.with_reference.add((left, right))

    def meeting_keys(self, bag: tuple[str, ...]) -> set[str]:
        """Return what two lines of a large block must share to be compared: a word, or the beginning of a name."""
        prefix = self.parameters.prefix
        return {*bag, *(word[:prefix] + "*" for word in bag if len(word) > prefix and word.isalpha())}

    def _block(self, amount: int, lefts: list[int], rights: list[int]) -> Iterator[tuple[int, int]]:
        if len(lefts) * len(rights) <= self.parameters.block_pairs:
            for left in lefts:
                for right in rights:
                    yield left, right
            return
        pairs: set[tuple[int, int]] = set()
        by_key: dict[str, list[int]] = {}
        for right in rights:
            for key in self.meeting_keys(self.right.words[right]):
                by_key.setdefault(key, []).append(right)
        for left in lefts:
            for key in self.meeting_keys(self.left.words[left]):
                sharers = by_key.get(key)
                if sharers is not None and len(sharers) <= self.parameters.block_word_lines:
                    pairs.update((left, right) for right in sharers)
        if max(len(lefts), len(rights)) > self.parameters.block_lines:
            self.limits_hit.add(
                f"{len(lefts)} left and {len(rights)} right lines of amount {amount}: told apart by shared words only"
            )
        else:
            pairs.update(self._nearest(lefts, rights))
        yield from sorted(pairs)

    def _nearest(self, lefts: list[int], rights: list[int]) -> Iterator[tuple[int, int]]:
        ordered = sorted(rights, key=lambda at: (self.right.days[at] or 0, at))
        days = [self.right.days[at] or 0 for at in ordered]
        centre = sum(self.model.lags.core) // 2
        for left in lefts:
            day = (self.left.days[left] or 0) + centre
            first = max(0, bisect_left(days, day) - self.parameters.block_nearest)
            last = bisect_right(days, day) + self.parameters.block_nearest
            middle = ordered[first:last]
            if len(middle) > self.parameters.block_one_day:  # many on the very day: those at the like rank come first
                self.limits_hit.add("many lines of one amount on one day: compared with some of them only")
                middle = middle[: self.parameters.block_one_day]
            for right in middle:
                yield left, right


def keyword_words(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the keywords of rules as they stand in a line's bag of words."""
    return frozenset(word for rule in rules for keyword in rule.keywords for word in words(keyword))


class NameIndex:
    """Open lines of one book by the first letters of their distinctive words, each list in order of day.

    A word that too many lines share is looked up together with its neighbour, so that "Miller Optics" does not meet
    every Miller: what a look-up costs stays the same when the book grows.
    """

    def __init__(self, side: Book, model: Model, is_open: list[bool]):
        self.model = model
        self.parameters = model.parameters
        self.is_open = is_open
        self.days = [day or 0 for day in side.days]
        self.keys: dict[str, str] = {}
        self.lists: dict[str, array[int]] = {}
        for at, bag in enumerate(side.words):
            if is_open[at]:  # a line once explained never opens again
                for key in self._single_and_paired(self._readings(bag)):
                    self.lists.setdefault(key, array("I")).append(at)

    def key(self, word: str) -> str:
        """Return the key under which a word is filed; none for a word that says little when it agrees."""
        key = self.keys.get(word)
        if key is None:
            distinctive = len(word) >= 3 and self.model.worth(word) >= self.parameters.distinctive
            key = self.keys[word] = (word[: self.parameters.prefix] if word.isalpha() else word) if distinctive else ""
        return key

    def _readings(self, bag: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words of a line, and for a slip that may stand for several words all of these."""
        slips = [word for word in bag if word in self.model.slips]
        return (*bag, *(word for slip in slips for word in self.model.slips[slip])) if slips else bag

    def _single_and_paired(self, bag: tuple[str, ...]) -> set[str]:
        distinctive = [word for word in bag if self.key(word)]
        long = self.parameters.long_prefix
        keys = [self.key(word) for word in distinctive]
        pairs = (_pair(keys[at], keys[at + 1]) for at in range(len(keys) - 1))
        return {*keys, *pairs, *(word[:long] for word in distinctive if len(word) >= long and word.isalpha())}

    def near(self, bag: tuple[str, ...], first_day: int, last_day: int, limit: int) -> list[int]:
        """Return lines within two days that share the beginning of a word, in order of position.

        At most limit a word.
        """
        first, end = bisect_left(self.days, first_day), bisect_right(self.days, last_day)
        bag = self._readings(bag)
        found: set[int] = set()
        wide: list[str] = []
        for word in sorted(set(bag)):
            key = self.key(word)
            if not key:
                continue
            lines = self._few_between(key, first, end)
            if lines is None and len(word) >= self.parameters.long_prefix and word.isalpha():
                lines = self._few_between(word[: self.parameters.long_prefix], first, end)
            if lines is None:
                wide.append(key)
            else:
                found.update(lines)
        if wide:
            keys = [key for word in bag if (key := self.key(word))]
            paired: set[int] = set()
            for at in range(len(keys) - 1):
                paired.update(self._open(self._between(_pair(keys[at], keys[at + 1]), first, end)))
            if not paired:
                for key in wide:
                    between = self._between(key, first, end)
                    spare = max(0, len(between) - limit) // 2  # the middle of the window is the likeliest
                    paired.update(self._open(between[spare : spare + limit]))
            found.update(paired)
        return sorted(found)

    def bearing(self, bag: tuple[str, ...]) -> list[int]:
        """Return lines that share a long, rare number with a line, however far off their day."""
        found: set[int] = set()
        for word in bag:
            if len(word) >= self.parameters.long_key and not word.isalpha():
                lines = self.lists.get(self.key(word), NO_LINES)
                if len(lines) <= self.parameters.few_lines:
                    found.update(self._open(lines))
        return sorted(found)

    def _few_between(self, key: str, first: int, end: int) -> list[int] | None:
        """Open lines of a key between two positions; None if they are too many to tell anything."""
        between = self._between(key, first, end)
        found = self._open(between) if len(between) <= self.parameters.crowd_lines else None
        return found if found is not None and len(found) <= self.parameters.wide_lines else None

    def _between(self, key: str, first: int, end: int) -> array[int]:
        lines = self.lists.get(key)
        return lines[bisect_left(lines, first) : bisect_left(lines, end)] if lines is not None else NO_LINES

    def _open(self, lines: array[int]) -> list[int]:
        return [at for at in lines if self.is_open[at]]

    def distinctive(self, bag: tuple[str, ...]) -> bool:
        """Return whether any word of a line leads anywhere in this book."""
        return any((key := self.key(word)) and key in self.lists for word in bag)


def _pair(one: str, other: str) -> str:
    return f"{one[:3]} {other[:3]}" if one < other else f"{other[:3]} {one[:3]}"


def _by_amount(side: Book) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for at, amount in enumerate(side.amounts):
        found.setdefault(amount, []).append(at)
    return found


def _parts(
    left: Book, right: Book, lefts: tuple[int, ...], rights: tuple[int, ...]
) -> tuple[tuple[str, str, int], ...]:
    """Return the amount on each (left, right) pair: the many side's own amounts.

    For n:m in order, as far as they reach.
    """
    if len(rights) == 1:
        only = right.lines[rights[0]]
        if len(lefts) == 1:
            return ((left.lines[lefts[0]].id, only.id, right.amounts[rights[0]]),)
        return tuple((left.lines[at].id, only.id, left.amounts[at]) for at in lefts)
    if len(lefts) == 1:
        return tuple((left.lines[lefts[0]].id, right.lines[at].id, right.amounts[at]) for at in rights)
    parts: list[tuple[str, str, int]] = []
    waiting = [(at, right.amounts[at]) for at in rights]
    for at in lefts:
        rest = left.amounts[at]
        while rest and waiting:
            other, amount = waiting[0]
            part = min(rest, amount, key=abs)
            parts.append((left.lines[at].id, right.lines[other].id, part))
            rest -= part
            if amount == part:
                waiting.pop(0)
            else:
                waiting[0] = (other, amount - part)
    return tuple(parts)
