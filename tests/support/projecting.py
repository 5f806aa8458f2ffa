"""Project scripted messages into a store as the writer does, without Kafka: rows first, positions last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from projections.batch import Batch
from projections.client import Store
from projections.positions import load_progress, store_progress
from projections.reading import Incoming
from schemas.codec import Codec


def project(store: Store, messages: Iterable[Incoming], *, crash_before_positions: bool = False) -> None:
    """Take up the store's own positions, then project these messages as one batch."""
    batch = Batch(load_progress(store), Codec())
    for message in messages:
        batch.add(message)
    for table, columns in batch.blocks():
        store.insert(table.name, table.columns, columns)
    if not crash_before_positions:
        store_progress(store, batch.progress())


def bridge(store: Store) -> dict[str, int]:
    """Every term of the money lines, over all currencies."""
    rows: list[tuple[Any, ...]] = store.rows("SELECT term, sum(minor) FROM rpt_money GROUP BY term")
    return {str(term): int(minor) for term, minor in rows if minor}


def residual(store: Store) -> int:
    """captured - refunded - voided - returned - posted - waiting - parked."""
    terms = bridge(store)
    net = terms.get("captured", 0) - sum(terms.get(term, 0) for term in ("refunded", "voided", "returned"))
    return net - sum(terms.get(term, 0) for term in ("posted", "waiting", "parked"))
