"""Passes that look at one side only: entries that cancel each other, returned payments, lines entered twice.

Both lines of an offset leave the game. A return or a duplicate is one extra line that points at its original, which
may well be matched across.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import product

from reconcile.engine.assign import assign
from reconcile.engine.doubts import has_partner
from reconcile.engine.learn import carried, damped
from reconcile.engine.lines import Side
from reconcile.engine.parameters import Parameters
from reconcile.engine.prepare import Book
from reconcile.engine.results import OneSided, OneSidedKind, Status
from reconcile.engine.rules import Need, Rule, Shape
from reconcile.engine.work import Work, keyword_words

DIGITS = re.compile(r"\d+")


def run(work: Work, rule: Rule, confirming: bool, floor: float) -> None:
    """Explain open lines of each side by other lines of the same side, by one rule."""
    for side in (Side.LEFT, Side.RIGHT):
        if rule.shape is Shape.DUPLICATE:
            _duplicates(work, rule, side, confirming, floor)
        else:
            _opposites(work, rule, side, confirming, floor)


def _opposites(work: Work, rule: Rule, side: Side, confirming: bool, floor: float) -> None:
    book, is_open = work.book(side), work.open(side)
    keywords = keyword_words([rule])
    taken = {one.other_id for one in work.one_sided if one.side is side} if rule.shape is Shape.RETURN else set()
    met = (
        {pair[0 if side is Side.LEFT else 1] for pair, score in work.equal.items() if score > 0.0}
        if rule.keywords
        else set()
    )
    edges: dict[tuple[int, int], float] = {}
    shared: dict[tuple[int, int], tuple[str, ...]] = {}
    for size, all_debits, all_credits in work.both_signs(side):
        debits, credits = all_debits, all_credits
        if rule.shape is not Shape.RETURN:
            debits = [at for at in debits if is_open[at]]
            credits = [at for at in credits if is_open[at]]
        elif not any(is_open[at] for at in (*debits, *credits)):
            continue
        if not debits or not credits:
            continue
        chance = max(work.model.chance_equal(size), 0.5 * (min(len(debits), len(credits)) - 1))
        worth = min(work.parameters.amount_cap, -math.log(max(chance, 1e-9)))
        for debit, credit in _pairs(work, book, debits, credits):
            first, later = _by_date(book, debit, credit, keywords)
            if not is_open[later] or (rule.shape is not Shape.RETURN and not is_open[first]):
                continue
            if book.lines[first].id in taken:
                continue
            marked = bool(keywords & book.bags[later])
            if Need.KEYWORD in rule.needs and (not marked or later in met):
                continue
            days = _days(book, first, later)
            windowed = rule.first_day is not None and rule.last_day is not None
            if windowed and not (rule.first_day or 0) <= days <= (rule.last_day or 0):
                continue
            common, weight = _shared(work, book, first, later, keywords)
            if weight < (0.0 if marked else work.parameters.shared_need):
                continue
            score = (
                work.parameters.opposite_prior
                + worth
                + weight
                + work.parameters.keyword_worth * marked
                - work.parameters.day_cost * abs(days)
            )
            if score > 0.0:
                edges[(debit, credit)] = score
                shared[(debit, credit)] = common
    kind = OneSidedKind.RETURN if rule.shape is Shape.RETURN else OneSidedKind.OFFSET
    for pairing in assign(edges, work.parameters):
        if pairing.score < floor:
            continue
        first, later = _by_date(book, pairing.left, pairing.right, keywords)
        sure = pairing.score >= rule.confirm_score and pairing.margin >= rule.confirm_margin
        sure = sure and (Need.KEYWORD in rule.needs or not any(has_partner(work, side, at) for at in (first, later)))
        if confirming and not sure:
            continue
        both = is_open[first]
        line, other = book.lines[later], book.lines[first]
        work.explain(
            OneSided(
                side=side,
                id=line.id,
                other_id=other.id,
                kind=kind,
                status=Status.CONFIRMED if confirming else Status.SUGGESTED,
                rule=rule.name,
                rules_version=work.rules.version,
                score=round(pairing.score, 3),
                amount_minor=0 if both else line.amount_minor,
                currency=line.currency,
                agrees=("amount: opposite", f"text: {' '.join(shared[(pairing.left, pairing.right)])}"),
                differs=(f"date: {_days(book, first, later)} days apart",),
                closes_other=both,
            ),
            (first, later) if both else (later,),
        )


def _pairs(work: Work, book: Book, debits: list[int], credits: list[int]) -> Iterator[tuple[int, int]]:
    """Yield all pairs of a few lines of one size; of many, those that share a word which few of them have."""
    if len(debits) * len(credits) <= work.parameters.opposite_pairs:
        yield from product(debits, credits)
        return
    by_key: dict[str, list[int]] = {}
    for credit in credits:
        for key in work.meeting_keys(book.words[credit]):
            by_key.setdefault(key, []).append(credit)
    found = {
        (debit, credit)
        for debit in debits
        for key in work.meeting_keys(book.words[debit])
        if len(by_key.get(key, ())) <= work.parameters.block_word_lines
        for credit in by_key.get(key, ())
    }
    work.limits_hit.add("many entries of one size: counter-entries were looked for among those that share a rare word")
    yield from sorted(found)


def _most(lines: int, parameters: Parameters) -> float:
    """Return the most that shared words count for: a word that two of a hundred thousand lines share says more."""
    return (
        parameters.shared_cap + max(0.0, math.log(lines / parameters.shared_cap_lines))
        if lines
        else parameters.shared_cap
    )


def _by_date(book: Book, one: int, other: int, keywords: frozenset[str]) -> tuple[int, int]:
    """Return the original and its counter-entry: by date; on one day the line that says so is the counter-entry."""
    first, later = (one, other) if (book.days[one] or 0, one) <= (book.days[other] or 0, other) else (other, one)
    if book.days[one] == book.days[other] and keywords & book.bags[first] and not keywords & book.bags[later]:
        return later, first
    return first, later


def _days(book: Book, first: int, later: int) -> int:
    first_day, later_day = book.days[first], book.days[later]
    return later_day - first_day if first_day is not None and later_day is not None else 0


def _shared(work: Work, book: Book, first: int, later: int, keywords: frozenset[str]) -> tuple[tuple[str, ...], float]:
    """Return the words two lines of one book share, cut or misspelt ones too, and their worth: a rare one says much."""
    rarity = work.model.rarity
    found = [
        (rarity(book.side, word), word)
        for word in book.bags[first] & book.bags[later]
        if not word.startswith("~") and word not in keywords
    ]
    paired: set[str] = set()
    for one, other in ((first, later), (later, first)):
        for word in book.names[one]:
            if word in book.bags[other] or word in keywords or word in paired or len(word) < work.parameters.cut_name:
                continue
            meant = carried(word, False, book.bags[other], book.names[other], book.squashes[other], work.alike)
            if meant and meant not in book.bags[one] and meant not in paired:
                paired |= {word, meant}
                found.append(
                    (work.parameters.other_spelling * min(rarity(book.side, word), rarity(book.side, meant)), word)
                )
    found.sort(reverse=True)
    return tuple(word for _, word in found), min(
        _most(len(book), work.parameters), damped([weight for weight, _ in found], work.parameters)
    )


def _duplicates(work: Work, rule: Rule, side: Side, confirming: bool, floor: float) -> None:
    book, is_open = work.book(side), work.open(side)
    if side not in work.twins:
        work.twins[side] = _twins(book, work.parameters.opposite_side)
    numbers, candidates = work.twins[side]
    spoken_for = {one.other_id for one in work.one_sided if one.side is side and one.closes_other}
    spoken_for |= {one.id for one in work.one_sided if one.side is side and one.kind is OneSidedKind.DUPLICATE}
    reach = rule.last_day if rule.last_day is not None else work.parameters.twin_days
    for at, twins in candidates.items():
        if not is_open[at]:
            continue
        day = book.days[at] or 0
        best: tuple[float, int] | None = None
        for other in twins:
            if abs((book.days[other] or 0) - day) > reach:
                continue
            if (is_open[other] and other > at) or book.lines[other].id in spoken_for:
                continue
            if not _one_too_many(work, side, other, at):
                continue
            score = _twin_score(work, book, numbers, other, at, not is_open[other])
            if score is not None and (best is None or score > best[0]):
                best = (score, other)
        if best is None or best[0] < floor:
            continue
        sure = (
            best[0] >= rule.confirm_score
            and best[1] < at
            and _in_known_order(book, best[1], at)
            and bool(work.meets(side).get(best[1]) or work.meets(side).get(at))
        )
        if confirming and not sure:
            continue
        line = book.lines[at]
        work.explain(
            OneSided(
                side=side,
                id=line.id,
                other_id=book.lines[best[1]].id,
                kind=OneSidedKind.DUPLICATE,
                status=Status.CONFIRMED if confirming else Status.SUGGESTED,
                rule=rule.name,
                rules_version=work.rules.version,
                score=round(best[0], 3),
                amount_minor=line.amount_minor,
                currency=line.currency,
                agrees=("amount", "text"),
                differs=(f"date: {_days(book, best[1], at)} days apart",),
            ),
            (at,),
        )
        spoken_for.add(line.id)


def _twins(book: Book, most: int) -> tuple[Counter[str], dict[int, list[int]]]:
    """Return how many lines have each number, and for each line those that may be the same entry, in order of position.

    Of many lines of one amount, only a number that just two of them share makes twins.
    """
    numbers = Counter(word for bag in book.words for word in bag if not word.isalpha())
    by_amount: dict[int, list[int]] = {}
    for at, amount in enumerate(book.amounts):
        by_amount.setdefault(amount, []).append(at)
    candidates: dict[int, list[int]] = {}
    for alike in by_amount.values():
        by_number: dict[str, list[int]] = {}
        if len(alike) > most:
            for at in alike:
                for word in book.words[at]:
                    if numbers[word] == 2:
                        by_number.setdefault(word, []).append(at)
        for at in alike if len(alike) > 1 else ():
            near = (
                alike if len(alike) <= most else {other for word in book.words[at] for other in by_number.get(word, ())}
            )
            others = sorted(other for other in near if other != at)
            if others:
                candidates[at] = others
    return numbers, dict(sorted(candidates.items()))


def _in_known_order(book: Book, first: int, second: int) -> bool:
    """Return whether date or ids tell which of two twins came first; without that, which one is too many is a guess."""
    if book.days[first] != book.days[second]:
        return True
    return DIGITS.sub("", book.lines[first].id) == DIGITS.sub("", book.lines[second].id)


def _one_too_many(work: Work, side: Side, first: int, second: int) -> bool:
    """Return whether the other side has fewer lines of this amount than twins, and doesn't pay them together."""
    meets = work.meets(side)
    is_open = work.open(side.other)
    partners = sum(1 for at in meets.get(first, set()) | meets.get(second, set()) if is_open[at])
    partners += not work.open(side)[first]  # the one that the first has already
    return partners < 2 and not _paid_together(work, side, first, second)


def _paid_together(work: Work, side: Side, first: int, second: int) -> bool:
    """Return whether one line of the same name, at the time, is the sum of two twins.

    Then they are no twins but two.
    """
    earliest, last = work.window(side, second)
    days = work.book(side.other).days
    sums = work.by_amount(side.other).get(2 * work.book(side).amounts[first], ())
    return any(
        earliest <= (days[other] or earliest) <= last
        and work.brief_from(side, second, other)[1] >= work.parameters.name_weight
        for other in sums[: work.parameters.opposite_side]
    )


def _twin_score(
    work: Work, book: Book, numbers: Counter[str], first: int, second: int, first_is_matched: bool
) -> float | None:
    """Return how alike two lines of one amount are; None if they are not twins.

    The numbers of both must agree where both have some: two cheques have two numbers, one entry typed twice has one.
    A number that only these two lines have is what lets it be confirmed.
    """
    parameters = work.parameters
    one, other = set(book.words[first]), set(book.words[second])
    weights = {word: work.model.rarity(book.side, word) + 0.1 for word in one | other}
    total = sum(weights[word] for word in other)
    share = sum(weights[word] for word in other & one) / total if total else 0.0
    numbers_one = {word for word in one if not word.isalpha()}
    numbers_other = {word for word in other if not word.isalpha()}
    common_number = any(numbers[word] == 2 for word in numbers_one & numbers_other)
    same_day = book.days[first] == book.days[second]
    if share < work.parameters.twin_share and not common_number:
        return None
    if numbers_one != numbers_other and not common_number:
        return None
    if not common_number and not (same_day and one == other and first_is_matched):
        return None
    return (
        parameters.twin_base
        + parameters.twin_number * common_number
        + parameters.twin_same_day * same_day
        + parameters.twin_matched * first_is_matched
        + parameters.twin_same_text * (one == other)
    )
