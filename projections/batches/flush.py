"""One batch into the store, in the only order that survives a crash: rows first, positions last.

A block that the store does not take is halved until the message at fault stands alone; that one becomes a row of
fct_unreadable with the reason, and the others are stored. Only what a value is refused for counts as its fault
(RowsRefused): a store that is away, full or without the table fails the whole batch, and its positions stay.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from projections.batches.batch import Batch, Part, columns_of
from projections.batches.positions import Progress, store_progress
from projections.store.client import Store
from projections.store.errors import RowsRefused
from projections.tables.fct_unreadable.row import TABLE as FCT_UNREADABLE
from projections.tables.table import FactTable
from streams.log.ports import Partition

logger = logging.getLogger(__name__)


def flush(store: Store, batch: Batch) -> Mapping[Partition, Progress]:
    """Store a batch, empty it, and give how far each of its partitions is now.

    Ensures: what a position vouches for is on disk before it is, as rows of its tables or as a row of fct_unreadable.
             A crash anywhere in between projects the same records again, from the same high-water marks, into the same
             rows.
    """
    for table, parts in batch.parts():
        _insert(store, batch, table, parts)
    failures = batch.failures()
    if failures:
        store.insert(FCT_UNREADABLE.name, FCT_UNREADABLE.column_names, columns_of(failures))
    moved = batch.progress()
    store_progress(store, moved)
    batch.clear()
    return moved


def _insert(store: Store, batch: Batch, table: FactTable[Any], parts: Sequence[Part]) -> None:
    """Insert what several messages bring to one table, and set aside those whose values it does not take."""
    try:
        store.insert(table.name, table.column_names, columns_of(parts))
    except RowsRefused as error:
        if table is FCT_UNREADABLE:
            raise
        if len(parts) > 1:
            half = len(parts) // 2
            _insert(store, batch, table, parts[:half])
            _insert(store, batch, table, parts[half:])
            return
        (part,) = parts
        at = part.at
        logger.error(
            "record set aside",
            extra={"at": f"{at.topic}/{at.partition}/{at.offset}", "table": table.name, "error": str(error)},
        )
        batch.set_aside(part.message, at, str(error))
