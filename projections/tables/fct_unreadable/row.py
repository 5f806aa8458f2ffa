"""fct_unreadable: records that the projector could not make sense of: where they stand and why, and who gave one up.

The bytes stay in the topic, where they are kept for ever; here is a digest of them, so equal ones can be grouped.
Nothing is lost, and the others go on. A newer Saldo that can read them projects them by a rebuild.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.tasks import ParkedDiscardRequested


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRecord:
    """The bytes as received and what went wrong with them."""

    value: bytes | None
    error_type: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRow:
    """Records that the projector could not make sense of; the bytes stay in the topic."""

    error_type: Word
    message: str
    value_bytes: int
    value_sha256: str
    given_up_offset: Annotated[
        int | None, "A person's request to give up the record at this offset of its topic and partition"
    ]


def project(record: Any, at: Coordinates) -> tuple[UnreadableRow, ...]:
    """Return one row for each unreadable record, and one for each request to give a record of the same inbox up.

    Where an agent parked the record, its journal says what became of it; a record that the agent took and no table
    takes has nothing but this request.
    """
    if isinstance(record, ParkedDiscardRequested):
        return (_row("given up", f"{record.requested_by}: {record.reason}", b"", record.offset),)
    if not isinstance(record, UnreadableRecord):
        return ()
    value = record.value or b""
    return (_row(record.error_type, record.message, value, None),)


def _row(error_type: str, message: str, value: bytes, given_up_offset: int | None) -> UnreadableRow:
    return UnreadableRow(
        error_type=error_type,
        message=message,
        value_bytes=len(value),
        value_sha256=hashlib.sha256(value).hexdigest(),
        given_up_offset=given_up_offset,
    )


TABLE = FactTable(
    name="fct_unreadable",
    row=UnreadableRow,
    order_by=(),
    reads=(UnreadableRecord, ParkedDiscardRequested),
    project=project,
)
