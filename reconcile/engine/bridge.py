"""The bridge: left total - right total, explained to the cent by kind, with nothing left over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.engine.lines import Line, Orientation, Side
from reconcile.engine.results import BridgeLine, Match, OneSided, Unmatched


def bridge(
    left: Sequence[Line],
    right: Sequence[Line],
    signs: Orientation,
    matches: Sequence[Match],
    one_sided: Sequence[OneSided],
    unmatched: Sequence[Unmatched],
) -> tuple[tuple[BridgeLine, ...], Mapping[str, tuple[int, int]]]:
    """Return rows and totals a currency.

    Units:   minor units in the left side's sign; right amounts count as read, turned if the signs are opposite.
    Ensures: built from what was decided about each line, never from the totals; so a lost line shows as a residual.
    """
    factor = -1 if signs is Orientation.OPPOSITE else 1
    amounts = {Side.LEFT: {line.id: line.amount_minor for line in left}}
    amounts[Side.RIGHT] = {line.id: factor * line.amount_minor for line in right}
    rows: dict[tuple[str, str], tuple[int, int]] = {}

    def add(currency: str, what: str, amount: int) -> None:
        count, total = rows.get((currency, what), (0, 0))
        rows[(currency, what)] = (count + 1, total + amount)

    for one in matches:
        difference = sum(amounts[Side.LEFT][id_] for id_ in one.left_ids)
        difference -= sum(amounts[Side.RIGHT][id_] for id_ in one.right_ids)
        what = one.kind or ("sign not given" if difference else "equal")
        add(one.currency, f"matched, {what} ({one.status.value})", difference)
    for finding in one_sided:
        sign = 1 if finding.side is Side.LEFT else -1
        amount = amounts[finding.side][finding.id]
        if finding.closes_other:
            amount += amounts[finding.side][finding.other_id]
        add(
            finding.currency,
            f"{finding.kind.value} on the {finding.side.value} ({finding.status.value})",
            sign * amount,
        )
    for left_open in unmatched:
        sign = 1 if left_open.side is Side.LEFT else -1
        add(left_open.currency, f"open on the {left_open.side.value}", sign * amounts[left_open.side][left_open.id])
    totals: dict[str, tuple[int, int]] = {}
    for side, lines in ((Side.LEFT, left), (Side.RIGHT, right)):
        for line in lines:
            so_far = totals.get(line.currency, (0, 0))
            amount = amounts[side][line.id]
            totals[line.currency] = (
                (so_far[0] + amount, so_far[1]) if side is Side.LEFT else (so_far[0], so_far[1] + amount)
            )
    return (
        tuple(BridgeLine(currency, what, count, total) for (currency, what), (count, total) in sorted(rows.items())),
        totals,
    )
