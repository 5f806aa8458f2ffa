"""What the data says about itself: how distinctive a word, an amount and a date distance are in these two books.

A model is a set of frozen numbers. `learn` reads them off the pairs that can hardly be wrong (an odd amount that
occurs once on each side, "anchors"), against what chance would give. `match` then only compares.

All scores are natural logarithms of odds: +4.6 means a hundred times likelier for two records of the same event
than for two lines that meet by chance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from operator import mul

import numpy as np
from rapidfuzz.distance import OSA

from reconcile.engine.dates import Lags, learn_lags
from reconcile.engine.lines import Side
from reconcile.engine.parameters import Parameters
from reconcile.engine.prepare import Book, Slips
from reconcile.engine.text import kind


@dataclass(frozen=True, slots=True)
class WordWeight:
    """What it says when a word of the short text is (agrees) or isn't (differs) in the long one."""

    agrees: float
    differs: float


# word, what it says if it agrees, if it differs, whether it is a name, whether it is the line's last word
Weighed = tuple[str, float, float, bool, bool]
# all words (with acronyms and whole references), the names among them in order, everything without spaces
LongText = tuple[frozenset[str], tuple[str, ...], str]
Alike = dict[str, dict[str, bool]]  # which words were found to be spellings of one word
# score, strongest agreeing word, what other names take away, reference shared, score without what numbers take away
Brief = tuple[float, float, float, bool, float]


@dataclass(frozen=True, slots=True)
class TextEvidence:
    """The comparison of two texts: its score, and the words behind it."""

    score: float
    agrees: tuple[str, ...]
    differs: tuple[str, ...]
    strongest: float  # weight of the best agreeing word
    against: float  # what the differing words take away
    other_name: float  # the same, of names only: a second invoice number does not make another payer
    reference: bool  # whether a number, code or whole reference is among the agreeing words


@dataclass(slots=True)
class Model:
    """Frozen numbers of one currency's two books; see the module's docstring."""

    parameters: Parameters
    terse: Side
    lines: int
    transfer: dict[tuple[str, ...], tuple[int, int]]  # class or word -> (anchors with it, of them carried over)
    known: frozenset[str]  # words of the long side
    common: frozenset[str]  # those in more than rare_share of its lines
    frequency: dict[str, int]  # lines of the long side with the word
    long_count: int
    lags: Lags
    sizes: list[np.ndarray]  # sorted amounts of both sides, by roundness
    anchors: int
    open_share: float  # of all lines, those whose amount the other side doesn't have
    slips: Slips
    own: Mapping[Side, tuple[int, Mapping[str, int]]]  # lines of each side, and how many have a word
    _weights: dict[tuple[str, str, bool], WordWeight] = field(default_factory=dict)
    _alike: Alike = field(default_factory=dict)
    _weighed: dict[tuple[str, str, bool, bool], Weighed | None] = field(default_factory=dict)

    # -- amounts --------------------------------------------------------------------------------------------------

    def chance_equal(self, amount: int) -> float:
        """Return how many of the other side's lines have exactly this amount by chance, from its neighbourhood."""
        size = abs(amount)
        grids = self.parameters.grids
        grid = roundness(size, grids)
        near = max(int(size * 0.05), 200 * grids[grid])
        values = self.sizes[grid]
        low, high = np.searchsorted(values, (size - near, size + near + 1))
        return float(high - low + 0.5) / (2.0 * near / grids[grid] + 1.0) / 2.0

    def chance_between(self, low: int, high: int) -> float:
        """Return how many of the other side's lines lie between two sizes, by chance."""
        values = self.sizes[0]
        first, last = np.searchsorted(values, (low, high + 1))
        return float(last - first) / 2.0

    def amount_score(self, amount: int, others: int) -> float:
        """Return what an equal amount is worth: much if odd and rare, little if round or common.

        Units: others is the number of further lines on the other side that have it too.
        """
        chance = max(self.chance_equal(amount), 0.5 * others)
        return min(self.parameters.amount_cap, -math.log(max(chance, 1e-9)))

    # -- words ----------------------------------------------------------------------------------------------------

    def weighed(self, short_words: tuple[str, ...], present: Container[str]) -> tuple[Weighed, ...]:
        """Return the words of a short text that can say anything, with their weights; made once a line.

        present are the words that the long side has now: a number that stands there in another line says more.
        """
        found: list[Weighed] = []
        before = ""
        last = len(short_words) - 1
        for at, word in enumerate(short_words):
            key = (word, before, word in present, at == last)
            if key not in self._weighed:
                self._weighed[key] = self._weigh_word(*key)
            one = self._weighed[key]
            if one is not None:
                found.append(one)
            before = word
        return tuple(found)

    def _weigh_word(self, word: str, before: str, is_present: bool, is_last: bool) -> Weighed | None:
        weight = self._weight(word, before, is_present)
        if weight.agrees < self.parameters.silent and weight.differs > -self.parameters.silent:
            return None
        return (word, max(0.0, weight.agrees), min(0.0, weight.differs), word.isalpha(), is_last)

    def text(self, short: tuple[Weighed, ...], short_squash: str, long: LongText) -> TextEvidence:
        """Compare the texts of two lines, the short side's words against the long side's, with all words behind it."""
        agrees, differs, reference = self._compare(short, short_squash, long)
        agrees.sort(reverse=True)
        differs.sort()
        against = damped([weight for weight, _ in differs], self.parameters)
        return TextEvidence(
            score=damped([weight for weight, _ in agrees], self.parameters) + against,
            agrees=tuple(word for _, word in agrees),
            differs=tuple(word for _, word in differs),
            strongest=agrees[0][0] if agrees else 0.0,
            against=against,
            other_name=damped([weight for weight, word in differs if word.isalpha()], self.parameters),
            reference=reference,
        )

    def brief(self, short: tuple[Weighed, ...], short_squash: str, long: LongText) -> Brief:
        """`text` without the words behind it; see `Brief`."""
        agrees, differs, reference = self._compare(short, short_squash, long)
        if not agrees and not differs:
            return (0.0, 0.0, 0.0, False, 0.0)
        agreeing = sorted([weight for weight, _ in agrees], reverse=True)
        for_it = damped(agreeing, self.parameters)
        against = damped(sorted([weight for weight, _ in differs]), self.parameters)
        names = damped(sorted([weight for weight, word in differs if word.isalpha()]), self.parameters)
        return (for_it + against, agreeing[0] if agreeing else 0.0, names, reference, for_it + names)

    def _compare(
        self, short: tuple[Weighed, ...], short_squash: str, long: LongText
    ) -> tuple[list[tuple[float, str]], list[tuple[float, str]], bool]:
        bag, names, squash = long
        agrees: list[tuple[float, str]] = []
        differs: list[tuple[float, str]] = []
        reference = False
        for word, for_it, against_it, is_name, is_last in short:
            if word in bag:
                if for_it > 0.0:
                    agrees.append((for_it, word))
                    reference = reference or (not is_name and for_it > 2.0)
                continue
            meant = carried(word, is_last, bag, names, squash, self._alike) if is_name else None
            if meant is not None:
                # A word in another spelling is as distinctive as what it stands for, and a little less sure.
                worth = 0.8 * min(for_it, self.worth(meant) if meant else self.parameters.squashed_worth)
                if worth > 0.0:
                    agrees.append((worth, word))
            elif against_it < 0.0:
                differs.append((against_it, word))
        if not agrees:
            for word in names:
                if len(word) >= 8 and word not in self.known and word in short_squash:
                    agrees.append((3.0, word))
        return agrees, differs, reference

    def rarity(self, side: Side, word: str) -> float:
        """Return how distinctive a word is within its own side.

        The log of how many lines there are for each other one with it.
        """
        lines, frequency = self.own[side]
        return math.log(max(1, lines) / max(1, frequency.get(word, 1) - 1))

    def worth(self, word: str) -> float:
        """Return what it says when a word agrees, whatever stands before it."""
        return self._weight(word, "", True).agrees

    def _weight(self, word: str, before: str, is_present: bool) -> WordWeight:
        key = (word, "", True) if word.isalpha() else (word, before, is_present)
        found = self._weights.get(key)
        if found is None:
            found = self._weights[key] = self._weigh(*key)
        return found

    def _weigh(self, word: str, before: str, is_present: bool) -> WordWeight:
        family = kind(word)[0]
        shared = is_present and family != "name"
        document = shared and names_a_document(word)
        rate = self.parameters.carried["document" if document else "present" if shared else family]
        for key in classes(word, before, is_present, self.known, self.common):
            seen, carried_over = self.transfer.get(key, (0, 0))
            rate = (carried_over + self.parameters.prior_weight * rate) / (seen + self.parameters.prior_weight)
        count = self.frequency.get(word, 0)
        # A document number that one line has is not one in three because the file has three lines.
        lines = max(self.long_count, self.parameters.world_lines) if document and count == 1 else self.long_count
        chance = (count + 0.5) / (lines + 1.0)
        rate = min(max(rate, 0.001), 0.995)
        chance = min(chance, 0.995)
        return WordWeight(
            agrees=math.log(rate / chance),
            differs=max(self.parameters.word_floor, math.log((1.0 - rate) / (1.0 - chance))),
        )


def names_a_document(word: str) -> bool:
    """Return whether a number is so long that two books share it for one reason only, until they teach otherwise."""
    return word.startswith("=") or "/" in word or sum(char.isdigit() for char in word) >= 5


def roundness(size: int, grids: Sequence[int]) -> int:
    """Index of the coarsest grid that an amount lies on: 0 for odd cents, 4 for full thousands."""
    for index in range(len(grids) - 1, 0, -1):
        if size and size % grids[index] == 0:
            return index
    return 0


def damped(weights: Sequence[float], parameters: Parameters) -> float:
    """Sum of weights, strongest first, each further one counting less."""
    if len(weights) <= 1:
        return weights[0] if weights else 0.0
    damping = parameters.damping
    total = float(sum(map(mul, weights, damping)))
    return total + parameters.damping_rest * sum(weights[len(damping) :]) if len(weights) > len(damping) else total


def classes(
    word: str, before: str, is_present: bool, known: frozenset[str], common: frozenset[str]
) -> list[tuple[str, ...]]:
    """Return the groups whose record a word inherits, widest first, ending with its own.

    Numbers that the long side has somewhere have a record of their own: the bank's own numbers are not among them.
    """
    family = kind(word)
    if family[0] == "name":
        return [("name", "common" if word in common else "known" if word in known else "foreign"), (word,)]
    keys = [("present", *family)] if is_present else [family[:1], family]
    if before and family[0] != "reference":
        keys.append((*keys[-1], "after", before))
    return keys


def carried(
    word: str, is_last: bool, long_bag: frozenset[str], long_names: tuple[str, ...], long_squash: str, alike: Alike
) -> str | None:
    """Return the word of the long text that this one is another spelling of: a slip, a cut, an acronym.

    "" if without spaces.

    Ensures: None if there is none.
    """
    if not word.isalpha():
        return None
    length = len(word)
    if length <= 5 and "~" + word in long_bag:
        return "~" + word
    if length < 3 and not (is_last and length == 2):
        return None
    found = None
    first = word[0]
    known = alike.get(word)
    if known is None:
        known = alike[word] = {}
    for other in long_names:
        if other[0] == first and (word.startswith(other) or other.startswith(word)):
            if length < 3 or len(other) < 3:
                continue
        elif length < 4 or not -3 < length - len(other) < 3:
            continue
        else:
            same = known.get(other)
            if same is None:
                same = known[other] = _is_slip(word, other)
            if not same:
                continue
        if found is None or other < found:  # the first by name, so that the answer never varies
            found = other
    if found is None and length >= 5 and word in long_squash:
        return ""
    return found


def _is_slip(word: str, other: str) -> bool:
    """Return whether one or two letters dropped, doubled, swapped or mistyped make one word of the other."""
    shorter = min(len(word), len(other))
    if shorter < 4:
        return False
    allowed = 1 if shorter < 8 else 2
    return bool(OSA.distance(word, other, score_cutoff=allowed) <= allowed)


def learn(left: Book, right: Book, slips: Slips, parameters: Parameters) -> Model:
    """Read a model off two books.

    Ensures: the same lines in any order give the same model; books of a few lines get the priors of the parameters.
    """
    terse = Side.LEFT if _mean_words(left) < _mean_words(right) else Side.RIGHT
    long_book = right if terse is Side.LEFT else left
    model = Model(
        parameters=parameters,
        terse=terse,
        lines=max(len(left), len(right)),
        transfer={},
        known=frozenset(long_book.frequency),
        common=frozenset(
            word
            for word, count in long_book.frequency.items()
            if count > max(5, parameters.rare_share * len(long_book))
        ),
        frequency=dict(long_book.frequency),
        long_count=len(long_book),
        lags=Lags.unknown(parameters),
        sizes=_sizes(left, right, parameters.grids),
        anchors=0,
        open_share=_open_share(left, right),
        slips=slips,
        own={side.side: (len(side), dict(side.frequency)) for side in (left, right)},
    )
    anchors = _anchors(left, right, model)
    learn_from(model, left, right, anchors)
    return model


def learn_from(model: Model, left: Book, right: Book, anchors: list[tuple[int, int]]) -> None:
    """Set a model's transfer rates and date distances from pairs taken as true."""
    short, long = (left, right) if model.terse is Side.LEFT else (right, left)
    transfer: dict[tuple[str, ...], tuple[int, int]] = {}
    alike: Alike = {}
    for left_at, right_at in anchors:
        short_at, long_at = (left_at, right_at) if model.terse is Side.LEFT else (right_at, left_at)
        bag, names, squash = long.bags[long_at], long.names[long_at], long.squashes[long_at]
        before = ""
        line = short.words[short_at]
        for at, word in enumerate(line):
            hit = word in bag or carried(word, at == len(line) - 1, bag, names, squash, alike) is not None
            keys = classes(word, before, word in long.frequency, model.known, model.common)
            if not word.isalpha() and word in long.frequency:
                keys += classes(word, before, False, model.known, model.common)  # what is known before one looks
            for key in keys:
                seen, carried_over = transfer.get(key, (0, 0))
                transfer[key] = (seen + 1, carried_over + hit)
            before = word
    model.transfer = transfer
    model.anchors = len(anchors)
    model._weights.clear()
    model._weighed.clear()
    model.lags = learn_lags(left, right, anchors, model.parameters)


def _open_share(left: Book, right: Book) -> float:
    met = (Counter(left.amounts) & Counter(right.amounts)).total()
    lines = max(1, len(left), len(right))
    return max(0.02, (lines - met) / lines)


def _mean_words(side: Book) -> float:
    return sum(len(bag) for bag in side.words) / max(1, len(side))


def _sizes(left: Book, right: Book, grids: Sequence[int]) -> list[np.ndarray]:
    sizes = [abs(amount) for side in (left, right) for amount in side.amounts]
    return [np.array(sorted(size for size in sizes if size % grid == 0), dtype=np.int64) for grid in grids]


def _anchors(left: Book, right: Book, model: Model) -> list[tuple[int, int]]:
    """Return pairs whose amount occurs once on each side and would hardly do so by chance.

    The rarest if there are few.
    """
    at_left = _once(left)
    at_right = _once(right)
    pairs = [
        (model.chance_equal(amount), at_left[amount], at_right[amount])
        for amount in at_left.keys() & at_right.keys()
        if amount
    ]
    pairs.sort()
    good = [(left_at, right_at) for chance, left_at, right_at in pairs if chance <= model.parameters.anchor_chance]
    fewest = model.parameters.fewest_anchors
    if len(good) < fewest:
        good = [(left_at, right_at) for _, left_at, right_at in pairs[: max(fewest, len(good))]]
    return good


def _once(side: Book) -> dict[int, int]:
    counts = Counter(side.amounts)
    return {amount: at for at, amount in enumerate(side.amounts) if counts[amount] == 1}
