"""What a table is: a name, a row dataclass whose fields are its columns, and the key it is sorted by.

A folder of projections/tables holds `row.py` with one `TABLE`, or `view.sql`, a view over the others. The projector
fills a FactTable from records; the few other tables are the read side's own bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from projections.messages.coordinates import Coordinates
from projections.tables.columns import (
    Column,
    Millisecond,
    Number,
    Small,
    Word,
    columns_of,
    comment_of,
    literal,
    values_of,
)
from schemas.topic import Topic

Row = TypeVar("Row")


class Source(NamedTuple):
    """Where a row comes from: the first columns of every fact table, so it can be traced and replayed."""

    source_topic: Word
    source_partition: Number
    source_offset: int
    row_index: Small
    event_id: str
    recorded_at: Millisecond


# What a row is distinguished by: the record that it was made of, and its number among that record's rows.
_IDENTITY = ("source_topic", "source_partition", "source_offset", "row_index")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[Row]):
    """One table. Its columns, their comments and its own comment are those of the dataclass `row`."""

    name: str
    row: type[Row]
    order_by: tuple[str, ...]
    engine: str = "ReplacingMergeTree"

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every column, in order."""
        row: type = self.row
        return columns_of(row)

    @property
    def sorted_by(self) -> tuple[str, ...]:
        """The sorting key."""
        return self.order_by

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns of an insert."""
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """The statement that makes it; parts are fsynced, so rows are on disk before the position that covers them."""
        columns = ",\n    ".join(column.ddl for column in self.columns)
        return (
            f"CREATE TABLE IF NOT EXISTS {self.name}\n(\n    {columns}\n)\n"
            f"ENGINE = {self.engine}\n"
            f"ORDER BY ({', '.join(self.sorted_by)})\n"
            "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1\n"
            f"COMMENT {literal(comment_of(self.row))}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FactTable(Table[Row]):
    """One table that the projector fills; a row carries its Source ahead of its own columns.

    Shapes:  project(record, at) gives 0..n rows.
    Ensures: project is pure, so the same record at the same place gives the same rows on every replay; the key ends in
             the row's identity, so a record that is projected twice is one row.
    """

    # Record types that can have rows here; None for any.
    reads: tuple[type, ...] | None
    # Topics whose records have rows here, where others carry the same records once more; None for any.
    topics: frozenset[Topic] | None = None
    project: Callable[[Any, Coordinates], tuple[Row, ...]]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every column, those of Source first."""
        row: type = self.row
        return columns_of(Source) + columns_of(row)

    @property
    def sorted_by(self) -> tuple[str, ...]:
        """What reports look up, then the identity of the row."""
        return self.order_by + _IDENTITY

    def values(self, record: Any, at: Coordinates) -> list[tuple[Any, ...]]:
        """Return rows of one record as tuples in the order of columns."""
        row_type: type = self.row
        own = values_of(row_type)
        return [
            Source(at.topic, at.partition, at.offset, index, at.event_id, at.recorded_at) + own(row)
            for index, row in enumerate(self.rows(record, at))
        ]

    def rows(self, record: Any, at: Coordinates) -> tuple[Row, ...]:
        """Return rows of one record; none of a type or a topic that the table does not read."""
        if self.reads is not None and not isinstance(record, self.reads):
            return ()
        if self.topics is not None and at.topic not in self.topics:
            return ()
        return self.project(record, at)
