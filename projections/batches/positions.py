"""How far the projector has read, kept in the store itself, beside the rows that prove it.

One row per partition holds both the next offset and the high-water marks, and one insert moves every partition of a
batch, so they can't come apart. Rows are inserted before positions: a crash between the two projects the batch again,
from the same marks, into the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from projections.store.client import Store
from projections.tables.columns import values_of
from projections.tables.saldo_positions.row import TABLE, PositionRow
from schemas.wire.envelope import SourcePosition
from schemas.wire.highwater import HighWater
from streams.log.ports import Partition


@dataclass(slots=True)
class Progress:
    """Next offset to read of one partition, and what was accepted from its lanes so far."""

    next_offset: int = 0
    high_water: HighWater = field(default_factory=HighWater)


def load_progress(store: Store) -> dict[Partition, Progress]:
    """Progress of every partition that the store knows."""
    found = store.rows(f"SELECT {', '.join(TABLE.column_names)} FROM {TABLE.name} FINAL")  # noqa: S608 -- our own names
    rows = [PositionRow(**dict(zip(TABLE.column_names, row, strict=True))) for row in found]
    return {
        (row.source_topic, row.source_partition): Progress(
            row.next_offset, HighWater(SourcePosition.parse(mark) for mark in row.high_water)
        )
        for row in rows
    }


def store_progress(store: Store, progress: Mapping[Partition, Progress]) -> None:
    """Record how far these partitions are, all of them or none."""
    values = values_of(PositionRow)
    rows = [
        values(
            PositionRow(
                source_topic=topic,
                source_partition=partition,
                next_offset=known.next_offset,
                high_water=tuple(str(mark) for _, mark in sorted(known.high_water.marks.items())),
            )
        )
        for (topic, partition), known in sorted(progress.items())
    ]
    store.insert(TABLE.name, TABLE.column_names, list(zip(*rows, strict=True)))
