"""What of an order is shipped, what never will be, and how much of each row abas is to hold. Pure.

Quantities are those of abas' delivery notes, less what came back. What is refunded before it is shipped stays here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from schemas.records.erp import RecordRow
from schemas.records.orders import OrderChanged, OrderDelivered, OrderLineKind, OrderPlaced, ShopRefundSeen
from schemas.values.replacing import replace

Order = OrderPlaced | OrderChanged


def delivered(deliveries: Iterable[OrderDelivered]) -> Mapping[str, Decimal]:
    """Return how much of each line was shipped and did not come back."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for one in deliveries:
        for line in one.delivered_lines:
            found[line.line_id] += quantity_of(line.quantity)
    return found


def returned(refunds: Iterable[ShopRefundSeen], proved_minor: int) -> Mapping[str, Decimal]:
    """Return how much of each line was refunded; nothing as long as PayTrace proves less than the shop shows.

    Units: proved_minor is what PayTrace gave back, minor units of the order's currency.
    """
    shown = tuple(refunds)
    found: dict[str, Decimal] = defaultdict(Decimal)
    if sum(one.amount_minor or 0 for one in shown) <= proved_minor:
        for one in shown:
            for line in one.refund_lines:
                found[line.line_id] += abs(quantity_of(line.quantity))
    return found


def is_shipped(order: Order, shipped: Mapping[str, Decimal], given_back: Mapping[str, Decimal]) -> bool:
    """Return whether every item that the order still has is shipped, and there is one."""
    items = [line for line in order.lines if line.kind is OrderLineKind.ITEM]
    wanted = {line.line_id: quantity_of(line.quantity) - given_back.get(line.line_id, Decimal(0)) for line in items}
    gone = [shipped.get(line_id, Decimal(0)) for line_id in wanted]
    return any(quantity > 0 for quantity in gone) and all(
        shipped.get(line_id, Decimal(0)) >= quantity for line_id, quantity in wanted.items()
    )


def rows_to_hold(
    rows: Sequence[RecordRow], shipped: Mapping[str, Decimal], given_back: Mapping[str, Decimal], *, is_over: bool
) -> tuple[RecordRow, ...]:
    """Return the rows with the quantities that abas is to hold: what was shipped at least, no more once it is over."""
    return tuple(_row(row, shipped, given_back, is_over=is_over) for row in rows)


def _row(
    row: RecordRow, shipped: Mapping[str, Decimal], given_back: Mapping[str, Decimal], *, is_over: bool
) -> RecordRow:
    ordered, gone = quantity_of(row.values["quantity"]), shipped.get(row.row_key, Decimal(0))
    left = Decimal(0) if is_over else ordered - given_back.get(row.row_key, Decimal(0))
    wanted = min(ordered, max(left, gone, Decimal(0)))
    return row if wanted == ordered else replace(row, values={**row.values, "quantity": f"{wanted.normalize():f}"})


def quantity_of(text: str) -> Decimal:
    """Return a quantity; 0 for a text that is none, which no row is made of."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)
