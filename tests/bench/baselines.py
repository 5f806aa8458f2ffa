"""Two honest baselines: what a careful script does, and what a fuzzy one does. Neither is made weak on purpose.

`exact` joins lines of equal amount that share a whole reference or number, then those whose amount is unique on both
sides within ten days. `greedy` takes, best first, the pair of equal (or nearly equal) amount with the best token-set
ratio of the texts within ten days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rapidfuzz import fuzz, utils

from reconcile.engine.lines import Line
from reconcile.engine.results import Status
from reconcile.engine.text import line_words
from tests.bench.scoring import Answer
from tests.support.matchgen import Labelled

DAYS = 10
GREEDY_CONFIRM = 80.0
GREEDY_SUGGEST = 45.0
GREEDY_SHARE = 0.02


def exact(books: Labelled) -> dict[Answer, Status]:
    """Reference and amount, then amount alone where it is unique."""
    answers: dict[Answer, Status] = {}
    by_amount: dict[int, list[Line]] = {}
    for right in books.right:
        by_amount.setdefault(right.amount_minor, []).append(right)
    used: set[str] = set()
    open_left: list[Line] = []
    for left in books.left:
        numbers = {word for word in line_words(left) if not word.isalpha() and len(word) >= 4}
        found = [
            right
            for right in by_amount.get(left.amount_minor, ())
            if right.id not in used and numbers & set(line_words(right))
        ]
        if len(found) == 1:
            answers[("pair", left.id, found[0].id)] = Status.CONFIRMED
            used.add(found[0].id)
        else:
            open_left.append(left)
    counts = Counter(left.amount_minor for left in open_left)
    for left in open_left:
        rest = [right for right in by_amount.get(left.amount_minor, ()) if right.id not in used]
        if len(rest) == 1 and counts[left.amount_minor] == 1 and _days(left, rest[0]) <= DAYS:
            answers[("pair", left.id, rest[0].id)] = Status.CONFIRMED
            used.add(rest[0].id)
    return answers


def greedy(books: Labelled) -> dict[Answer, Status]:
    """The best fuzzy score first, each line once."""
    scored = sorted(_pairs(books), reverse=True)
    used: set[str] = set()
    answers: dict[Answer, Status] = {}
    for score, left, right in scored:
        if left not in used and right not in used:
            used |= {left, right}
            answers[("pair", left, right)] = Status.CONFIRMED if score >= GREEDY_CONFIRM else Status.SUGGESTED
    return answers


def _pairs(books: Labelled) -> Iterator[tuple[float, str, str]]:
    by_size: dict[int, list[tuple[Line, str]]] = {}
    for right in books.right:
        by_size.setdefault(_bucket(right.amount_minor), []).append((right, utils.default_process(right.text)))
    for left in books.left:
        text = utils.default_process(" ".join((left.counterparty, left.text, *left.references)))
        bucket = _bucket(left.amount_minor)
        for near in (bucket - 1, bucket, bucket + 1):
            for right, other in by_size.get(near, ()):
                apart = abs(left.amount_minor - right.amount_minor)
                if apart > GREEDY_SHARE * abs(left.amount_minor) or _days(left, right) > DAYS:
                    continue
                ratio = fuzz.token_set_ratio(text, other)
                score = ratio - 30.0 * (apart > 0) - _days(left, right)
                if apart == 0 or score >= GREEDY_SUGGEST:
                    yield (score + (30.0 if apart == 0 else 0.0), left.id, right.id)


def _bucket(amount: int) -> int:
    """Buckets two percent wide, so that near amounts lie in the same or the next one."""
    size, step = abs(amount), 0
    while size > 50:
        size = size * 50 // 51
        step += 1
    return step if amount >= 0 else -step - 2


def _days(left: Line, right: Line) -> int:
    return abs((left.day or 0) - (right.day or 0))
