"""Where a record stands in Kafka, which every row of every table carries, so it can be traced and replayed.

For the writer (which record is next, which is a repeat), for row.py of each table, and for whoever follows a number in
a report back to the record that made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.wire.envelope import SourcePosition


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
