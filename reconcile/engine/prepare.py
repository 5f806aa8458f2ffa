"""The lines of one currency made ready for comparing: words, day numbers and amounts of both sides in one sign.

Everything later works on positions into these lists, which hold the lines in a fixed order (date, amount, id).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from reconcile.engine.lines import Line, Orientation, Side, in_order
from reconcile.engine.parameters import Parameters
from reconcile.engine.text import line_words, reference_word, squashed, words

Slips = Mapping[str, tuple[str, ...]]  # rare spellings, and what each may stand for


@dataclass(slots=True)
class Book:
    """One side of one currency.

    Shapes:  all lists are (n,) and share positions.
    Units:   amounts are minor units in the left side's sign; days are day numbers or None.
    """

    side: Side
    lines: list[Line]
    amounts: list[int]
    days: list[int | None]
    words: list[tuple[str, ...]] = field(default_factory=list)
    bags: list[frozenset[str]] = field(default_factory=list)
    names: list[tuple[str, ...]] = field(default_factory=list)
    squashes: list[str] = field(default_factory=list)
    frequency: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.lines)


def orientation(left: Sequence[Line], right: Sequence[Line]) -> Orientation:
    """Return how the right side's signs relate to the left's, by which reading makes more amounts meet.

    Ensures: SAME unless another reading explains clearly more lines, so that a file of few lines is left alone.
    """
    signed_left = Counter((line.currency, line.amount_minor) for line in left)
    signed_right = Counter((line.currency, line.amount_minor) for line in right)
    flipped = Counter({(currency, -amount): n for (currency, amount), n in signed_right.items()})
    same = (signed_left & signed_right).total()
    opposite = (signed_left & flipped).total()
    sizes_left = Counter((line.currency, abs(line.amount_minor)) for line in left)
    sizes_right = Counter((line.currency, abs(line.amount_minor)) for line in right)
    size = (sizes_left & sizes_right).total()
    one_signed = _one_signed(left) != _one_signed(right)
    best = max(same, opposite)
    if one_signed and size > 1.3 * best and size > best + 2:
        return Orientation.MAGNITUDE
    if opposite > 1.5 * same and opposite > same + 1:
        return Orientation.OPPOSITE
    return Orientation.SAME


def _one_signed(lines: Sequence[Line]) -> bool:
    return all(line.amount_minor >= 0 for line in lines) or all(line.amount_minor <= 0 for line in lines)


def shared_ids(left: Sequence[Line], right: Sequence[Line]) -> bool:
    """Return whether the ids of one side stand as ids or references on the other."""
    left_ids = {line.id for line in left if not line.numbered}
    right_ids = {line.id for line in right if not line.numbered}
    in_right = left_ids & (right_ids | {ref for line in right for ref in line.references})
    in_left = right_ids & (left_ids | {ref for line in left for ref in line.references})
    fewest = min(len(left), len(right))
    return max(len(in_right), len(in_left)) >= max(1, 0.05 * fewest)


def book(side: Side, lines: Sequence[Line], signs: Orientation, ids_count: bool) -> Book:
    """Sort one side and read its words."""
    ordered = in_order(lines)
    factor = -1 if signs is Orientation.OPPOSITE and side is Side.RIGHT else 1
    sized = signs is Orientation.MAGNITUDE
    made = Book(
        side=side,
        lines=ordered,
        amounts=[abs(line.amount_minor) if sized else factor * line.amount_minor for line in ordered],
        days=[line.day for line in ordered],
    )
    for line in ordered:
        found = line_words(line)
        if ids_count and not line.numbered:
            found = tuple(dict.fromkeys((*found, reference_word(line.id))))
        made.words.append(tuple(word for word in found if len(word) > 1 or word.isdigit()))
    return made


def settle_words(left: Book, right: Book, parameters: Parameters, slips: Slips | None = None) -> Slips:
    """Correct rare slips towards the common spelling where only one can be meant, then count words.

    Ensures: the same lines give the same words; with slips learned before, one more line changes no other line's words.
    """
    if slips is None:
        slips = _slips(Counter(word for side in (left, right) for bag in side.words for word in bag), parameters)
    sure = {word: meant[0] for word, meant in slips.items() if len(meant) == 1}
    for side in (left, right):
        if sure:
            side.words = [tuple(dict.fromkeys(sure.get(word, word) for word in bag)) for bag in side.words]
        _read_once(side)
        side.frequency = Counter(word for bag in side.bags for word in bag)
    return slips


def _read_once(side: Book) -> None:
    """Bags, names and squashes of all lines; lines that say the same share them, for files with one text a million."""
    bags: dict[tuple[str, ...], frozenset[str]] = {}
    names: dict[tuple[str, ...], tuple[str, ...]] = {}
    squashes: dict[str, str] = {}
    for words_, line in zip(side.words, side.lines, strict=True):
        with_acronyms = (*words_, *_acronyms(line))
        side.bags.append(bags.setdefault(with_acronyms, frozenset(with_acronyms)))
        alphas = tuple(word for word in words_ if word.isalpha())
        side.names.append(names.setdefault(alphas, alphas))
        text = line.counterparty + line.text
        if text not in squashes:
            squashes[text] = squashed(text)
        side.squashes.append(squashes[text])


def _acronyms(line: Line) -> tuple[str, ...]:
    """Return initials of the counterparty ("~ces" for Cascade Energy Solutions), as payers and banks shorten names."""
    name = [word for word in words(line.counterparty) if word.isalpha()]
    if len(name) < 2:
        return ()
    return ("~" + "".join(word[0] for word in name[:5]),)


def _slips(common: Counter[str], parameters: Parameters) -> Slips:
    """Words that are one slip away from far more common ones. The beginning of a common word is a cut, not a slip."""
    shapes: dict[str, list[str]] = {}
    beginnings: set[str] = set()
    for word, count in common.items():
        if count > parameters.rare_lines and len(word) >= 5 and word.isalpha():
            beginnings.update(word[:length] for length in range(5, len(word)))
            for shape in _deletions(word):
                shapes.setdefault(shape, []).append(word)
    slips: dict[str, tuple[str, ...]] = {}
    for word, count in common.items():
        if len(word) >= 5 and word.isalpha() and word not in beginnings:
            enough = count * (parameters.slip_ratio if count <= parameters.rare_lines else parameters.often_slip_ratio)
            near = {other for shape in _deletions(word) for other in shapes.get(shape, ()) if common[other] >= enough}
            meant = {other for other in near if OSA.distance(word, other, score_cutoff=1) == 1}
            meant -= {cut for cut in meant for other in meant if other != cut and other.startswith(cut)}
            if meant:
                slips[word] = tuple(sorted(meant))
    return slips


def _deletions(word: str) -> set[str]:
    return {word} | {word[:at] + word[at + 1 :] for at in range(len(word))}
