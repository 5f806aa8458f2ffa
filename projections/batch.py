"""Messages in, blocks of rows out: the projection itself, with neither Kafka nor ClickHouse in sight.

Decides what is a repeat, which tables a record belongs to, and how far each partition is once the rows are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projections.positions import Partition, Progress
from projections.reading import Incoming, read
from projections.tables import FACT_TABLES
from projections.tables.fct_unreadable.row import UnreadableRecord
from projections.tables.table import Table
from projections.topics import is_dead_letter_topic
from schemas.codec import Codec

Columns = Sequence[Sequence[Any]]


@dataclass(slots=True)
class Tally:
    """What a projector has seen since it started."""

    read: int = 0
    rows: int = 0
    repeats: int = 0
    unreadable: int = 0


class Batch:
    """Rows that wait for one insert, and the progress that they make."""

    def __init__(
        self, progress: dict[Partition, Progress], codec: Codec, tables: Iterable[Table] = FACT_TABLES
    ) -> None:
        self._progress = progress
        self._codec = codec
        self._tables = tuple(tables)
        self._homes: dict[type, tuple[Table, ...]] = {}
        self._rows: dict[Table, list[tuple[Any, ...]]] = {}
        self._touched: set[Partition] = set()
        self.message_count = 0
        self.tally = Tally()

    def add(self, message: Incoming) -> None:
        """Project one message.

        Ensures: a message below the partition's progress changes nothing; a repeat moves the progress and adds no row.
        """
        partition = (message.topic, message.partition)
        progress = self._progress.setdefault(partition, Progress())
        if message.offset < progress.next_offset:
            return
        at, record = read(message, self._codec)
        progress.next_offset = message.offset + 1
        self._touched.add(partition)
        self.message_count += 1
        self.tally.read += 1
        # A dead letter is identified by the record inside it, and fct_parked takes each of those once.
        if not is_dead_letter_topic(message.topic) and not progress.high_water.accept(at.upstream):
            self.tally.repeats += 1
            return
        if isinstance(record, UnreadableRecord):
            self.tally.unreadable += 1
        for table in self._homes_of(type(record)):
            rows = table.values(record, at)
            self._rows.setdefault(table, []).extend(rows)
            self.tally.rows += len(rows)

    def _homes_of(self, kind: type) -> tuple[Table, ...]:
        homes = self._homes.get(kind)
        if homes is None:
            homes = self._homes[kind] = tuple(
                table
                for table in self._tables
                if (kind in table.reads if table.reads else kind is not UnreadableRecord)
            )
        return homes

    def blocks(self) -> Iterable[tuple[Table, Columns]]:
        """Rows for each table, column by column, ready to insert."""
        for table, rows in self._rows.items():
            if rows:
                yield table, list(zip(*rows, strict=True))

    def progress(self) -> Mapping[Partition, Progress]:
        """How far each partition is once the blocks are stored."""
        return {partition: self._progress[partition] for partition in self._touched}

    def clear(self) -> None:
        """Forget the rows; they are stored, and so is the progress."""
        self._rows.clear()
        self._touched.clear()
        self.message_count = 0
