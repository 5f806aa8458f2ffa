"""fct_parking: what the tasks' journals say about parked records: parked, released, discarded, by whom and why.

The journal decides whether a record is parked. A dead letter alone does not: a task that crashed between its dead
letter and its journal decides the record again, and may well succeed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.keys import shown_key
from projections.tables.table import FactTable
from schemas.records.tasks import ParkedRecordDiscarded, ParkedRecordReleased, RecordParked

CHANGES: dict[type, str] = {
    RecordParked: "PARKED",
    ParkedRecordReleased: "RELEASED",
    ParkedRecordDiscarded: "DISCARDED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkingRow:
    """What the journals say about parked records: PARKED, RELEASED, DISCARDED."""

    change: Word
    inbox_topic: Word
    inbox_partition: Number
    inbox_offset: int
    record_key: str
    behind: int | None
    error_type: Word
    message: str
    stack_digest: str
    requested_by: str
    reason: str
    is_held: bool


def project(record: Any, at: Coordinates) -> tuple[ParkingRow, ...]:
    """Return one row for each change of a parked record."""
    change = CHANGES.get(type(record))
    if change is None:
        return ()
    return (
        ParkingRow(
            change=change,
            inbox_topic=record.topic,
            inbox_partition=record.partition,
            inbox_offset=record.offset,
            record_key=shown_key(record.record_key),
            behind=getattr(record, "behind", None),
            error_type=getattr(record, "error_type", ""),
            message=getattr(record, "message", ""),
            stack_digest=getattr(record, "stack_digest", ""),
            requested_by=getattr(record, "requested_by", ""),
            reason=getattr(record, "reason", ""),
            is_held=getattr(record, "is_held", False),
        ),
    )


TABLE = FactTable(
    name="fct_parking",
    row=ParkingRow,
    order_by=("inbox_topic", "inbox_partition", "inbox_offset"),
    reads=tuple(CHANGES),
    project=project,
)
