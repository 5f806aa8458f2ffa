"""Where a record stands in Kafka: the columns that every row of every table carries, so it can be traced and replayed.

For the writer (which record is next, which is a repeat), for row.py of each table, and for whoever follows a number in
a report back to the record that made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.wire.envelope import SourcePosition

COORDINATE_COLUMNS = (
    "source_topic",
    "source_partition",
    "source_offset",
    "row_index",
    "event_id",
    "recorded_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinates:
    """One record's place and lineage.

    Units: recorded_at is Kafka's own timestamp of the record, aware UTC, milliseconds.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    event_id: str
    recorded_at: datetime
    upstream: SourcePosition | None = None
    correlation_id: str = ""
    causation_id: str = ""

    def columns(self, row_index: int) -> tuple[str, int, int, int, str, datetime]:
        """Values of COORDINATE_COLUMNS for the row_index-th row made of this record."""
        return (self.topic, self.partition, self.offset, row_index, self.event_id, self.recorded_at)
