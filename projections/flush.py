"""One batch into the store, in the only order that survives a crash: rows first, positions last."""

from __future__ import annotations

from collections.abc import Mapping

from projections.batch import Batch
from projections.client import Store
from projections.positions import Partition, Progress, store_progress


def flush(store: Store, batch: Batch) -> Mapping[Partition, Progress]:
    """Store a batch, empty it, and give how far each of its partitions is now.

    Ensures: what a position vouches for is on disk before it is. A crash anywhere in between projects the same
             records again, from the same high-water marks, into the same rows.
    """
    for table, columns in batch.blocks():
        store.insert(table.name, table.columns, columns)
    moved = batch.progress()
    store_progress(store, moved)
    batch.clear()
    return moved
