"""How far the projector has read, kept in the store itself, beside the rows that prove it.

One row per partition holds both the next offset and the high-water marks, and one insert moves every partition of a
batch, so they can't come apart. Rows are inserted before positions: a crash between the two projects the batch again,
from the same marks, into the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from projections.store.client import Store
from projections.tables import POSITIONS
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
    rows = store.rows("SELECT source_topic, source_partition, next_offset, high_water FROM saldo_positions FINAL")
    return {
        (str(topic), int(partition)): Progress(
            int(next_offset), HighWater(SourcePosition.parse(str(mark)) for mark in marks)
        )
        for topic, partition, next_offset, marks in rows
    }


def store_progress(store: Store, progress: Mapping[Partition, Progress]) -> None:
    """Record how far these partitions are, all of them or none."""
    ordered = sorted(progress.items())
    store.insert(
        POSITIONS,
        ("source_topic", "source_partition", "next_offset", "high_water"),
        (
            [topic for (topic, _), _ in ordered],
            [partition for (_, partition), _ in ordered],
            [known.next_offset for _, known in ordered],
            [[str(mark) for _, mark in sorted(known.high_water.marks.items())] for _, known in ordered],
        ),
    )
