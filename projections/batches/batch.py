"""Messages in, blocks of rows out: the projection itself, with neither Kafka nor ClickHouse in sight.

Decides what is a repeat, which tables a record belongs to, and how far each partition is once the rows are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projections.batches.positions import Progress
from projections.batches.reading import not_stored, read
from projections.messages.coordinates import Coordinates
from projections.messages.topics import is_dead_letter_topic
from projections.tables import FACT_TABLES
from projections.tables.fct_unreadable.row import TABLE as FCT_UNREADABLE
from projections.tables.fct_unreadable.row import UnreadableRecord
from projections.tables.table import FactTable
from schemas.wire.codec import Codec
from streams.log.ports import Partition
from streams.log.records import Inbound

Columns = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """What one message brings to one table. Shapes: rows is (n, c), n >= 1."""

    message: Inbound
    at: Coordinates
    rows: list[tuple[Any, ...]]


def columns_of(parts: Sequence[Part]) -> Columns:
    """Return the rows of several messages, column by column, ready to insert."""
    return list(zip(*(row for part in parts for row in part.rows), strict=True))


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
        self, progress: dict[Partition, Progress], codec: Codec, tables: Iterable[FactTable[Any]] = FACT_TABLES
    ) -> None:
        self._progress = progress
        self._codec = codec
        self._tables = tuple(tables)
        self._homes: dict[type, tuple[FactTable[Any], ...]] = {}
        self._parts: dict[FactTable[Any], list[Part]] = {}
        self._failed: dict[tuple[str, int, int], tuple[Inbound, Coordinates, list[str]]] = {}
        self._touched: set[Partition] = set()
        self.message_count = 0
        self.tally = Tally()

    def add(self, message: Inbound) -> None:
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
            try:
                rows = table.values(record, at)
            except Exception as error:  # a projection of ours that can't take this record; the others go on
                self.set_aside(message, at, f"{table.name}: {type(error).__name__}: {error}")
                continue
            if rows:
                self._parts.setdefault(table, []).append(Part(message, at, rows))
                self.tally.rows += len(rows)

    def set_aside(self, message: Inbound, at: Coordinates, reason: str) -> None:
        """Note that a table can't take what this message holds; it becomes a row of fct_unreadable."""
        where = (message.topic, message.partition, message.offset)
        if where not in self._failed:
            self.tally.unreadable += 1
        reasons = self._failed.setdefault(where, (message, at, []))[2]
        if reason not in reasons:
            reasons.append(reason)

    def _homes_of(self, kind: type) -> tuple[FactTable[Any], ...]:
        homes = self._homes.get(kind)
        if homes is None:
            homes = self._homes[kind] = tuple(
                table
                for table in self._tables
                if (kind in table.reads if table.reads else kind is not UnreadableRecord)
            )
        return homes

    def parts(self) -> Iterable[tuple[FactTable[Any], Sequence[Part]]]:
        """Yield rows for each table, message by message."""
        yield from self._parts.items()

    def failures(self) -> Sequence[Part]:
        """Return rows of fct_unreadable for the messages that were set aside, in the order in which they failed."""
        return [
            Part(message, at, FCT_UNREADABLE.values(not_stored(message, "; ".join(reasons)), at))
            for message, at, reasons in self._failed.values()
        ]

    def progress(self) -> Mapping[Partition, Progress]:
        """Return how far each partition is once the blocks are stored."""
        return {partition: self._progress[partition] for partition in self._touched}

    def clear(self) -> None:
        """Forget the rows; they are stored, and so is the progress."""
        self._parts.clear()
        self._failed.clear()
        self._touched.clear()
        self.message_count = 0
