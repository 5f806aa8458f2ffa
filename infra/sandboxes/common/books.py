"""A sandbox's durable state: one SQLite file and a clock that can be moved. Instants are microseconds since 1970 (UTC).

Protects the kill test: each change is committed before its answer leaves, so kill -9 at any moment leaves books that
say what clients were reported.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from schemas.failures import ContractBroken
from schemas.values.clock import utc_now

MICROS: Final = 1_000_000
# How far the clock is off for the request at hand; see the fault clock_skew.
SKEW_US: Final[ContextVar[int]] = ContextVar("sandbox_clock_skew_us", default=0)

_META = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;\n"
_EARLIEST_US: Final = 631_152_000 * MICROS  # 1990-01-01
_LATEST_US: Final = 7_258_118_400 * MICROS  # 2200-01-01


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant."""
    return (instant.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def from_us(instant_us: int) -> datetime:
    """Return the instant in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)


class Books:
    """An open data directory: the database and the sandbox clock."""

    def __init__(self, path: Path, schema: str, *, kept: frozenset[str] = frozenset()) -> None:
        """Open or make the books.

        Shapes: schema is SQL that makes every table but `meta`; kept are tables that `clear` leaves, besides meta.
        Raises: ContractBroken when another version of the sandbox made them.
        """
        self._kept = kept | {"meta"}
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        # A commit is handed to the operating system, which a killed process cannot reverse. Only a power cut
        # could, and waiting for the disk would cost the sandbox most of its speed for that.
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=OFF")
        # Books of another shape are refused at once instead of failing at the first question that meets the difference.
        version = zlib.crc32(schema.encode()) & 0x7FFF_FFFF
        self._check_version(version, path.parent)
        self.db.executescript(_META + schema)
        self.db.execute(f"PRAGMA user_version = {version}")
        self._offset_us = int(self.read_meta("clock_offset_us", "0"))

    def _check_version(self, version: int, directory: Path) -> None:
        (found,) = self.db.execute("PRAGMA user_version").fetchone()
        is_new = self.db.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        if not is_new and found != version:
            self.db.close()
            raise ContractBroken(
                f"the sandbox's books in {directory} were written by another version of Saldo; move that directory "
                "away (or the whole data directory, when nothing in it is needed) and start again"
            )

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def clear(self) -> None:
        """Empty every table but those that are kept; ids go on, as they would at the other side."""
        with self.transaction() as db:
            for found in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
                if found["name"] not in self._kept and not str(found["name"]).startswith("sqlite_"):
                    db.execute(f'DELETE FROM "{found["name"]}"')  # noqa: S608 -- a name of our own schema

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit all or nothing when the block ends; inside another transaction it joins that one."""
        if self.db.in_transaction:
            yield self.db
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return every row of a query."""
        return self.db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        found: sqlite3.Row | None = self.db.execute(sql, values).fetchone()
        return found

    def read_meta(self, name: str, default: str) -> str:
        """Return a value that has no table of its own."""
        found = self.row("SELECT value FROM meta WHERE name = ?", name)
        return default if found is None else str(found["value"])

    def write_meta(self, name: str, value: str) -> None:
        """Keep a value that has no table of its own."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    # --- clock

    def now_us(self) -> int:
        """Return the sandbox clock, as the request at hand sees it."""
        return to_us(utc_now()) + self._offset_us + SKEW_US.get()

    def move_clock(self, *, advance_s: float | None = None, to: datetime | None = None) -> None:
        """Move the clock by seconds or to an instant; it keeps running from there.

        Raises: ValueError for an instant that no calendar has; the clock stays then.
        """
        offset_us = self._offset_us
        if advance_s is not None:
            offset_us += round(advance_s * MICROS)
        real_us = to_us(utc_now())
        if to is not None:
            offset_us = to_us(to) - real_us
        if not _EARLIEST_US <= real_us + offset_us <= _LATEST_US:
            raise ValueError("the clock goes from 1990 to 2200")
        self._offset_us = offset_us
        self.write_meta("clock_offset_us", str(self._offset_us))
