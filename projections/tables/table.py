"""What a table is to the writer: a name, its columns, and a pure function from one record to its rows.

A folder of projections/tables holds `table.sql` (today's shape) and, when the projector fills it, `row.py` with one
`TABLE`. A folder without row.py is a view over the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from projections.messages.coordinates import COORDINATE_COLUMNS, Coordinates

Row = Mapping[str, Any]
Projection = Callable[[Any, Coordinates], tuple[Row, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table that the projector fills.

    Shapes: project(record, at) gives 0..n rows; each row has exactly the keys of own_columns.
    Ensures: project is pure, so the same record at the same place gives the same rows on every replay.
    """

    name: str
    own_columns: tuple[str, ...]
    # Record types that can have rows here; None for any.
    reads: tuple[type, ...] | None
    project: Projection

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of an insert: coordinates first, then the table's own."""
        return COORDINATE_COLUMNS + self.own_columns

    def values(self, record: Any, at: Coordinates) -> list[tuple[Any, ...]]:
        """Rows of one record as tuples in the order of columns."""
        return [
            at.columns(index) + tuple([row[column] for column in self.own_columns])
            for index, row in enumerate(self.project(record, at))
        ]
