"""What the warehouse does in the sandbox: delivery notes of sales orders, in parts too, and what comes back of them.

A delivery note takes what is open of each row unless it is told how much, may deliver more than was ordered, and is a
draft until it is posted; what comes back is a note of its own with quantities below zero (reference, section 4.3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from infra.sandboxes.abas.state import Sandbox
from infra.sandboxes.abas.store import Record
from infra.sandboxes.abas.tables import PACKING_SLIP, SALES_ORDER


class DeliverySeed(BaseModel):
    """A delivery note to make: of a sales order by its number, or by the shop's reference of it.

    quantities  how much by row key; empty takes everything that is open
    """

    model_config = ConfigDict(extra="forbid")

    order: str = Field(min_length=1)
    quantities: Mapping[str, Decimal] = {}
    posted: bool = True


def deliver(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    """Make delivery notes and return their numbers. Raises: ValueError."""
    seeds = TypeAdapter(list[DeliverySeed]).validate_json(raw)
    with sandbox.store.transaction():
        return {"numbers": [_deliver(sandbox, seed) for seed in seeds]}


def _deliver(sandbox: Sandbox, seed: DeliverySeed) -> str:
    store = sandbox.store
    order = next(
        (one for name in ("idno", "yshopref") for one in store.matching(SALES_ORDER.spec, name, seed.order) or ()), None
    )
    if order is None:
        raise ValueError(f"no sales order {seed.order}")
    taken = seed.quantities or open_quantities(sandbox, order)
    rows = [
        {"product": row.get("product", ""), "unitQty": f"{taken[key]:f}", "yrowkey": key}
        for row in order.rows
        if (key := str(row.get("yrowkey", ""))) in taken and taken[key]
    ]
    if not rows:
        raise ValueError(f"nothing of sales order {seed.order} is open")
    values = {
        "customer": order.values.get("customer", ""),
        "order": order.id,
        "posted": seed.posted,
        "docDate": store.now().date().isoformat(),
    }
    return str(store.add(PACKING_SLIP, values, rows).values["idno"])


def open_quantities(sandbox: Sandbox, order: Record) -> dict[str, Decimal]:
    """Return what is left to deliver of each row of a sales order, by its key; what was over-delivered is 0."""
    delivered: dict[str, Decimal] = defaultdict(Decimal)
    for slip in sandbox.store.records(PACKING_SLIP.spec):
        if slip.values.get("order") == order.id and slip.values.get("posted"):
            for row in slip.rows:
                delivered[str(row.get("yrowkey", ""))] += Decimal(str(row.get("unitQty") or "0"))
    ordered = {str(row.get("yrowkey", "")): Decimal(str(row.get("unitQty") or "0")) for row in order.rows}
    return {key: max(quantity - delivered[key], Decimal(0)) for key, quantity in ordered.items()}
