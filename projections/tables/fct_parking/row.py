"""fct_parking: what the tasks' journals say about parked records: parked, released, discarded, by whom and why.

The journal decides whether a record is parked. A dead letter alone does not: a task that crashed between its dead
letter and its journal decides the record again, and may well succeed.
"""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.keys import shown_key
from projections.tables.table import Row, Table
from schemas.records.tasks import ParkedRecordDiscarded, ParkedRecordReleased, RecordParked

CHANGES: dict[type, str] = {
    RecordParked: "PARKED",
    ParkedRecordReleased: "RELEASED",
    ParkedRecordDiscarded: "DISCARDED",
}


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each change of a parked record."""
    change = CHANGES.get(type(record))
    if change is None:
        return ()
    return (
        {
            "change": change,
            "inbox_topic": record.topic,
            "inbox_partition": record.partition,
            "inbox_offset": record.offset,
            "record_key": shown_key(record.record_key),
            "behind": getattr(record, "behind", None),
            "error_type": getattr(record, "error_type", ""),
            "message": getattr(record, "message", ""),
            "stack_digest": getattr(record, "stack_digest", ""),
            "requested_by": getattr(record, "requested_by", ""),
            "reason": getattr(record, "reason", ""),
            "is_held": getattr(record, "is_held", False),
        },
    )


TABLE = Table(
    name="fct_parking",
    own_columns=(
        "change",
        "inbox_topic",
        "inbox_partition",
        "inbox_offset",
        "record_key",
        "behind",
        "error_type",
        "message",
        "stack_digest",
        "requested_by",
        "reason",
        "is_held",
    ),
    reads=tuple(CHANGES),
    project=project,
)
