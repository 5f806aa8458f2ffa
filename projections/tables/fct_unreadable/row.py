"""fct_unreadable: records that the projector could not make sense of: where they stand and why.

The bytes stay in the topic, where they are kept for ever; here is a digest of them, so equal ones can be grouped.
Nothing is lost, and the others go on. A newer Saldo that can read them projects them by a rebuild.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from projections.coordinates import Coordinates
from projections.tables.table import Row, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRecord:
    """The bytes as received and what went wrong with them."""

    value: bytes | None
    error_type: str
    message: str


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each unreadable record."""
    if not isinstance(record, UnreadableRecord):
        return ()
    value = record.value or b""
    return (
        {
            "error_type": record.error_type,
            "message": record.message,
            "value_bytes": len(value),
            "value_sha256": hashlib.sha256(value).hexdigest(),
        },
    )


TABLE = Table(
    name="fct_unreadable",
    own_columns=("error_type", "message", "value_bytes", "value_sha256"),
    reads=(UnreadableRecord,),
    project=project,
)
