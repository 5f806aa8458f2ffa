"""Why a line stays open, in words a clerk can act on, and the line that came closest."""

from __future__ import annotations

from bisect import bisect_left
from datetime import date

from reconcile.engine.lines import Side
from reconcile.engine.results import Unmatched
from reconcile.engine.text import words
from reconcile.engine.work import Work
from schemas.values.counting import counted

# Words by which banks name their own charges. They only choose the wording of a reason, never a match.
CHARGES = frozenset(
    words(
        "fee fees charge charges interest commission entgelt entgelte gebuehr gebuehren zinsen provision spesen "
        "kontofuehrung overdraft maintenance frais commissions interets comision intereses"
    )
)


def unmatched(work: Work) -> list[Unmatched]:
    """Return all lines that no rule has explained, each with its reason and nearest line."""
    found: list[Unmatched] = []
    for side in (Side.LEFT, Side.RIGHT):
        book, others = work.book(side), work.book(side.other)
        by_amount: dict[int, list[int]] = {}
        for at, amount in enumerate(others.amounts):
            by_amount.setdefault(amount, []).append(at)
        days = [day for day in others.days if day is not None]
        period = (min(days), max(days)) if days else None
        sizes = sorted((amount, at) for at, amount in enumerate(others.amounts))
        for at, is_open in enumerate(work.open(side)):
            if not is_open:
                continue
            line = book.lines[at]
            reason, nearest = _reason(work, side, at, by_amount, sizes, period)
            found.append(
                Unmatched(
                    side,
                    line.id,
                    line.amount_minor,
                    line.currency,
                    reason,
                    others.lines[nearest].id if nearest >= 0 else "",
                )
            )
    return found


def _reason(
    work: Work,
    side: Side,
    at: int,
    by_amount: dict[int, list[int]],
    sizes: list[tuple[int, int]],
    period: tuple[int, int] | None,
) -> tuple[str, int]:
    book, others = work.book(side), work.book(side.other)
    if not others.lines:
        return "the other side has no lines in this currency", -1
    if book.amounts[at] == 0:
        return "amount is zero", -1
    same = by_amount.get(book.amounts[at], [])
    if same:
        nearest = min(
            same if len(same) <= 200 else same[:1],
            key=lambda other: (abs((others.days[other] or 0) - (book.days[at] or 0)), other),
        )
        other_open = work.open(side.other)
        is_open = next((other for other in same if other_open[other]), -1)
        if is_open < 0:
            return "every line of this amount is explained by a better partner", nearest
        if len(same) > 200:
            return f"{len(same)} lines share this amount and nothing tells them apart", nearest
        return "same amount, but date or text speak against it", is_open
    nearest = _closest_amount(book.amounts[at], sizes)
    if CHARGES & book.bags[at]:
        return "looks like a charge or interest that the other side has not booked", nearest
    reason = "no line or group of this amount on the other side"
    if period and (day := book.days[at]) is not None:
        if day > period[1]:
            reason += f", which ends on {date.fromordinal(period[1])}, {_days(day - period[1])} before this line"
        elif day < period[0]:
            reason += f", which begins on {date.fromordinal(period[0])}, {_days(period[0] - day)} after this line"
    return reason, nearest


def _days(count: int) -> str:
    return counted(count, "day")


def _closest_amount(amount: int, sizes: list[tuple[int, int]]) -> int:
    position = bisect_left(sizes, (amount, -1))
    context = sizes[max(0, position - 1) : position + 1]
    return min(context, key=lambda one: (abs(one[0] - amount), one[1]))[1]
