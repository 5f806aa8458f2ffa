"""The sandbox's books: records in memory, each change in SQLite before the answer leaves. For everything in here.

kill -9 at any moment loses nothing that was answered: a change is one SQLite transaction, committed (WAL) before
the caller may answer. Only a power cut could lose the last commits, which no test of ours can make.
One process per file.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from infra.sandboxes.abas.tables import TABLES, TableDef
from schemas.values.clock import monotonic_s, utc_now

# Canonical values: text as is, decimals as plain text, dates and instants in ISO, references as record ids.
Stored = str | bool

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, seq INTEGER, tbl TEXT, filed INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, body TEXT);
"""


@dataclass(slots=True)
class Record:
    """One record of one table."""

    id: str
    seq: int
    table: str
    values: dict[str, Stored]
    rows: list[dict[str, Stored]] = field(default_factory=list)
    filed: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class _Was:
    """How a record was until a moment of the process's clock; values None: it was not there."""

    until_s: float
    values: dict[str, Stored] | None
    filed: bool = False
    rows: tuple[dict[str, Stored], ...] = ()
    version: int = 0


_REMEMBERED = 20_000  # records whose past is kept: more than any test saves within the lag of a search


class Store:
    """All records, indexed where a table asks for it, and the movable clock."""

    def __init__(self, path: Path | None) -> None:
        """Open the books at path, or in memory when None."""
        self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._records: dict[str, dict[str, Record]] = {spec: {} for spec in TABLES}
        self._by_id: dict[str, Record] = {}
        self._index: dict[tuple[str, str], dict[Stored, dict[str, None]]] = defaultdict(dict)
        self._counters: dict[str, int] = dict(self._db.execute("SELECT name, value FROM counters"))
        self._dirty: dict[str, Record] = {}
        self._past: dict[str, list[_Was]] = {}
        self.commit_count = 0
        # How often each fault switch has struck, durable like the switches: a killed sandbox still knows.
        self.struck: Counter[str] = Counter(json.loads(self.fact("struck") or "{}"))
        for record_id, seq, table, filed, body in self._db.execute(
            "SELECT id, seq, tbl, filed, body FROM records ORDER BY seq"
        ):
            stored = json.loads(body)
            record = Record(record_id, seq, table, stored["values"], stored["rows"], bool(filed), stored["version"])
            self._remember(record)
        self._clock_offset = timedelta(seconds=float(self.fact("clock_offset_s") or "0"))

    def clear(self) -> None:
        """Empty the books and bring the clock and all durable settings back."""
        self._db.executescript("DELETE FROM records; DELETE FROM counters; DELETE FROM facts;")
        for records in self._records.values():
            records.clear()
        self._by_id.clear()
        self._index.clear()
        self._past.clear()
        self._counters.clear()
        self.struck.clear()
        self._clock_offset = timedelta(0)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write what changes inside, all or nothing, before leaving. Check first: memory is not rolled back."""
        try:
            yield
            self._flush()
        finally:
            self._dirty.clear()

    def now(self) -> datetime:
        """Return the ERP's clock."""
        return utc_now() + self._clock_offset

    def set_clock(self, moment: datetime | None) -> None:
        """Move the ERP's clock, which then runs on; None brings it back to the real time."""
        self._clock_offset = timedelta(0) if moment is None else moment - utc_now()
        self.set_fact("clock_offset_s", str(self._clock_offset.total_seconds()))

    def fact(self, name: str) -> str | None:
        """Read a small durable setting."""
        row = self._db.execute("SELECT body FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, body: str) -> None:
        """Keep a small durable setting."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, body))

    def strike(self, switch: str) -> None:
        """Count that a fault switch has struck."""
        self.struck[switch] += 1
        self.set_fact("struck", json.dumps(self.struck))

    def add(self, table: TableDef, values: dict[str, Stored], rows: list[dict[str, Stored]] | None = None) -> Record:
        """Create a record with the next id and, when it has none, the next number of its table."""
        seq = self._next("records", 1)
        record_no = self._next(f"database {table.database}", 101)
        moment = self.now().isoformat(timespec="microseconds")
        number = values.get("idno") or self._free_number(table)
        record_id = f"({record_no},{table.database},0)"
        stored = {**values, "id": record_id, "idno": number, "stand": moment, "erfass": moment}
        record = Record(record_id, seq, table.spec, stored, rows or [])
        self._was(record.id, _Was(monotonic_s(), None))
        self._remember(record)
        self._dirty[record.id] = record
        return record

    def change(
        self,
        record: Record,
        values: dict[str, Stored],
        *,
        filed: bool | None = None,
        rows: list[dict[str, Stored]] | None = None,
    ) -> None:
        """Change a record's values and, if given, its rows, and move it in or out of the filed set."""
        self._forget(record)
        was_rows = tuple(map(dict, record.rows))
        self._was(record.id, _Was(monotonic_s(), dict(record.values), record.filed, was_rows, record.version))
        record.values.update(values)
        record.rows = record.rows if rows is None else rows
        record.values["stand"] = self.now().isoformat(timespec="microseconds")
        record.filed = record.filed if filed is None else filed
        record.version += 1
        self._remember(record)
        self._dirty[record.id] = record

    def remove(self, record: Record) -> None:
        """Delete a record."""
        self._forget(record)
        del self._records[record.table][record.id], self._by_id[record.id]
        self._db.execute("DELETE FROM records WHERE id = ?", (record.id,))

    def record(self, record_id: str) -> Record | None:
        """Find a record by id."""
        return self._by_id.get(record_id)

    def records(self, table: str) -> Iterable[Record]:
        """Return all records of a table, oldest first."""
        return self._records[table].values()

    def records_before(self, table: str, lag_s: float) -> Iterable[Record]:
        """Yield all records of a table as they were so many seconds ago, oldest first."""
        then = monotonic_s() - lag_s
        for record in self._records[table].values():
            was = next((past for past in self._past.get(record.id, ()) if past.until_s > then), None)
            if was is None:
                yield record
            elif was.values is not None:
                rows = [dict(row) for row in was.rows]
                yield Record(record.id, record.seq, record.table, was.values, rows, was.filed, was.version)

    def _was(self, record_id: str, was: _Was) -> None:
        self._past.setdefault(record_id, []).append(was)
        if len(self._past) > _REMEMBERED:
            del self._past[next(iter(self._past))]

    def matching(self, table: str, column: str, value: Stored) -> Iterable[Record] | None:
        """Return records whose indexed column holds exactly this value; None when the column has no index."""
        if column == "id":
            record = self._by_id.get(str(value))
            return [record] if record is not None and record.table == table else []
        if column not in TABLES[table].indexed:
            return None
        return [self._by_id[record_id] for record_id in self._index[table, column].get(value, {})]

    def resolve(self, table: str, text: str) -> Record | None:
        """Find the record that a person means: by id, number or search word, when there is exactly one."""
        if text.startswith("("):
            record = self._by_id.get(text)
            return record if record is not None and record.table == table else None
        for column in ("idno", "swd"):
            found = self.matching(table, column, text)
            matches = [r for r in self.records(table) if r.values.get(column) == text] if found is None else list(found)
            if len(matches) == 1:
                return matches[0]
        return None

    def _free_number(self, table: TableDef) -> str:
        """Take the next number of the table's range that nobody chose by hand."""
        while True:
            number = f"{table.number_prefix}{self._next(table.spec, table.first_number)}"
            if not self._index[table.spec, "idno"].get(number):
                return number

    def _next(self, name: str, first: int) -> int:
        value = self._counters.get(name, first)
        self._counters[name] = value + 1
        return value

    def _remember(self, record: Record) -> None:
        self._records[record.table][record.id] = record
        self._by_id[record.id] = record
        for column in TABLES[record.table].indexed:
            self._index[record.table, column].setdefault(record.values.get(column, ""), {})[record.id] = None

    def _forget(self, record: Record) -> None:
        for column in TABLES[record.table].indexed:
            self._index[record.table, column].get(record.values.get(column, ""), {}).pop(record.id, None)

    def _flush(self) -> None:
        if not self._dirty:
            return
        rows = [
            (
                r.id,
                r.seq,
                r.table,
                int(r.filed),
                json.dumps({"values": r.values, "rows": r.rows, "version": r.version}),
            )
            for r in self._dirty.values()
        ]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", rows)
        self._db.executemany("INSERT OR REPLACE INTO counters VALUES (?, ?)", list(self._counters.items()))
        self._db.execute("COMMIT")
        self.commit_count += 1
