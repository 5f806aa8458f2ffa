"""fct_files: each file that was given to Saldo, each time that somebody brought it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.files import FileReceived


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """Each file that was given to Saldo, each time that somebody brought it; its rows are on files.v1."""

    file_digest: str
    purpose: Word
    merchant: Annotated[Word, "empty where its rows name several"]
    file_name: str
    byte_count: int
    row_count: Number
    origin: Annotated[Word, "command, folder or upload"]
    observed_at: Annotated[datetime, "when these bytes were read for the first time"]


def project(record: Any, at: Coordinates) -> tuple[FileRow, ...]:
    """Return one row for the first part of a file; its other parts say the same of it."""
    if record.part_number != 1:
        return ()
    return (
        FileRow(
            file_digest=record.file_digest,
            purpose=record.purpose,
            merchant=record.merchant,
            file_name=record.file_name,
            byte_count=record.byte_count,
            row_count=record.row_count,
            origin=record.origin,
            observed_at=record.observed_at,
        ),
    )


TABLE = FactTable(
    name="fct_files",
    row=FileRow,
    order_by=("file_digest",),
    reads=(FileReceived,),
    project=project,
)
