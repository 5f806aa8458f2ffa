"""saldo_positions: what the projector has read, kept beside the rows that prove it."""

from __future__ import annotations

from dataclasses import dataclass

from projections.tables.columns import Number, Word
from projections.tables.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """Next offset of each partition, and the highest saldo-source accepted from each lane.

    One row, so both move together.
    """

    source_topic: Word
    source_partition: Number
    next_offset: int
    high_water: tuple[str, ...]


TABLE = Table(
    name="saldo_positions",
    row=PositionRow,
    order_by=("source_topic", "source_partition"),
    engine="ReplacingMergeTree(next_offset)",
)
