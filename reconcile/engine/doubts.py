"""Reasons to leave a match to a person although its score is good: a wrong match that is booked unseen is the worst.

Add one here when you meet a way in which amount, date and name agree and yet the lines don't belong together.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.engine.differences import difference_kind, transposed
from reconcile.engine.learn import TextEvidence, carried
from reconcile.engine.lines import Side
from reconcile.engine.work import Work


def doubtful_pair(work: Work, left: int, right: int, evidence: TextEvidence) -> bool:
    """Return whether amount and date say yes, but the texts give a person reason to look."""
    if evidence.against < work.parameters.contradiction and evidence.score < work.parameters.agreement:
        return True
    if evidence.reference:
        return False
    if work.names_return(Side.LEFT, left) != work.names_return(Side.RIGHT, right):
        return True  # money that came back is no new payment of the same size
    if evidence.other_name < work.parameters.name_missing:
        return True
    if evidence.agrees and evidence.strongest < work.parameters.telling_name and _names_apart(work, left, right):
        return True
    return work.named_by(Side.LEFT, left) or work.named_by(Side.RIGHT, right)


def _names_apart(work: Work, left: int, right: int) -> bool:
    """Return whether both lines bear a rare name that the other lacks, and what they share is only a common word.

    "Birch Textiles" and "Ridge Textiles" share their trade; the amount may have met by chance.
    """
    for book, at, other in ((work.left, left, work.right.bags[right]), (work.right, right, work.left.bags[left])):
        names = work.right.names[right] if book is work.left else work.left.names[left]
        squash = work.right.squashes[right] if book is work.left else work.left.squashes[left]
        if not any(
            len(word) >= 4
            and work.model.rarity(book.side, word) >= work.parameters.rare_name
            and word not in other
            and carried(word, False, other, names, squash, work.alike) is None
            for word in book.names[at]
        ):
            return False
    return True


def doubtful_group(work: Work, side: Side, single: int, members: Sequence[int]) -> bool:
    """Return whether another answer is near for a line that several others add up to."""
    book, others = work.book(side), work.book(side.other)
    if has_partner(work, side, single) or any(has_partner(work, side.other, member) for member in members):
        return True
    if any(_nearly_pays(book.amounts[single], others.amounts[member]) for member in members):
        work.contested.add((side, single))  # nor is that member sure to be the answer
        return True
    briefs = [work.brief_from(side, single, member) for member in members]
    if any(
        strongest < work.parameters.telling_name
        and _names_apart(work, *((single, member) if side is Side.LEFT else (member, single)))
        for member, (_, strongest, _, _, _) in zip(members, briefs, strict=True)
    ):
        return True
    mentioned = [reference for _, _, _, reference, _ in briefs]
    if any(mentioned) and any(
        others.lines[member].references and not named for member, named in zip(members, mentioned, strict=True)
    ):
        return True  # the line names one of them by its number, so why not all?
    return any(_has_double(work, side, single, member, members) for member in members)


def doubtful_many(work: Work, lefts: Sequence[int], rights: Sequence[int]) -> bool:
    """Return whether one of several lines nearly pays another alone, so that totals may agree by chance."""
    left, right = work.left.amounts, work.right.amounts
    return any(_nearly_pays(left[one], right[other]) for one in lefts for other in rights)


def has_partner(work: Work, side: Side, at: int) -> bool:
    """Return whether an open line of the same amount plausibly records the same event as a line."""
    is_open = work.open(side.other)
    return any(is_open[other] for other in work.meets(side).get(at, ()))


def _nearly_pays(amount: int, other: int) -> bool:
    """Return whether one member alone explains the whole: digits swapped, or a usual discount."""
    return transposed(amount, other) or "cash_discount" in (
        difference_kind("near", amount - other, amount),
        difference_kind("near", other - amount, other),
    )


def _has_double(work: Work, side: Side, single: int, member: int, members: Sequence[int]) -> bool:
    """Return whether another line of the same name and amount could stand in for a member."""
    others = work.book(side.other)
    first, last = work.window(side, single)
    for double in work.by_amount(side.other)[others.amounts[member]][: work.parameters.double_lines]:
        if double not in members and first <= (others.days[double] or first) <= last:
            _, strongest, other_name, _, _ = work.brief_from(side, single, double)
            if strongest >= work.parameters.name_weight and other_name >= work.parameters.other_name:
                return True
    return False
