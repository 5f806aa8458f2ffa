"""The sandbox's durable state: one SQLite file, a clock that can be moved, and what is due at which moment.

Protects the kill test: a charge is committed before its answer leaves, so kill -9 at any moment leaves books
that say what clients were reported. Instants are microseconds since 1970 (UTC), amounts are cents.
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

from infra.sandboxes.paytrace.settings import SandboxSettings
from schemas.failures import ContractBroken
from schemas.values.clock import utc_now

MICROS: Final = 1_000_000
DAY_US: Final = 86_400 * MICROS

_FIRST_CUSTOMER_NUMBER: Final = 7001
_KEPT: Final = frozenset({"meta", "token"})

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS token (value TEXT PRIMARY KEY, api TEXT NOT NULL, expires_at INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS card_charge (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL, state TEXT NOT NULL, amount_minor INTEGER NOT NULL, authorized_minor INTEGER NOT NULL,
  invoice_id TEXT NOT NULL, customer_id TEXT NOT NULL, description TEXT NOT NULL,
  customer_reference_id TEXT NOT NULL, tax_minor INTEGER,
  card_token TEXT NOT NULL, card_brand TEXT NOT NULL, last_four TEXT NOT NULL,
  expiration_month INTEGER NOT NULL, expiration_year INTEGER NOT NULL,
  approval_code TEXT NOT NULL, approval_message TEXT NOT NULL, avs TEXT NOT NULL, csc TEXT NOT NULL,
  billing TEXT NOT NULL, shipping TEXT NOT NULL, through TEXT NOT NULL, made_by TEXT NOT NULL,
  refund_of INTEGER, recurrence_id INTEGER,
  created_at INTEGER NOT NULL, pending_at INTEGER, settled_at INTEGER, batch_key INTEGER);
CREATE INDEX IF NOT EXISTS card_charge_created ON card_charge (created_at);
CREATE INDEX IF NOT EXISTS card_charge_pending ON card_charge (pending_at) WHERE state = 'PENDING';
CREATE INDEX IF NOT EXISTS card_charge_batch ON card_charge (batch_key);
CREATE INDEX IF NOT EXISTS card_charge_invoice ON card_charge (invoice_id);
CREATE INDEX IF NOT EXISTS card_charge_refund ON card_charge (refund_of) WHERE refund_of IS NOT NULL;
CREATE TABLE IF NOT EXISTS batch (
  key INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL, settled_at INTEGER NOT NULL,
  sales_count INTEGER NOT NULL, sales_minor INTEGER NOT NULL,
  refund_count INTEGER NOT NULL, refund_minor INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS bank_charge (
  id TEXT PRIMARY KEY, api TEXT NOT NULL, number INTEGER, kind TEXT NOT NULL, state TEXT NOT NULL,
  amount_minor INTEGER NOT NULL, invoice_id TEXT NOT NULL, customer_id TEXT NOT NULL, description TEXT NOT NULL,
  last_four TEXT NOT NULL, entry_class TEXT NOT NULL, idempotency_key TEXT UNIQUE,
  return_code TEXT, created_at INTEGER NOT NULL, settled_at INTEGER, returned_at INTEGER,
  due_at INTEGER, due_state TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS bank_charge_created ON bank_charge (created_at);
CREATE INDEX IF NOT EXISTS bank_charge_settled ON bank_charge (settled_at);
CREATE INDEX IF NOT EXISTS bank_charge_due ON bank_charge (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS customer (
  number INTEGER PRIMARY KEY AUTOINCREMENT, customer_id TEXT NOT NULL UNIQUE, email TEXT NOT NULL, phone TEXT NOT NULL,
  card_token TEXT NOT NULL, card_brand TEXT NOT NULL, last_four TEXT NOT NULL,
  expiration_month INTEGER NOT NULL, expiration_year INTEGER NOT NULL, bank_last_four TEXT NOT NULL,
  billing TEXT NOT NULL, shipping TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS recurrence (
  id INTEGER PRIMARY KEY AUTOINCREMENT, customer_id TEXT NOT NULL, amount_minor INTEGER NOT NULL,
  frequency TEXT NOT NULL, transaction_type TEXT NOT NULL, pays_by TEXT NOT NULL, description TEXT NOT NULL,
  api TEXT NOT NULL DEFAULT 'v1',
  total_count INTEGER NOT NULL, current_count INTEGER NOT NULL, start_on TEXT NOT NULL, next_on TEXT,
  due_at INTEGER);
CREATE INDEX IF NOT EXISTS recurrence_due ON recurrence (due_at) WHERE due_at IS NOT NULL;
"""

# Books of another shape are refused at once instead of failing at the first question that meets the difference.
_VERSION = zlib.crc32(_SCHEMA.encode()) & 0x7FFF_FFFF


# How far the clock is off for the request at hand; see the fault clock_skew.
SKEW_US: Final[ContextVar[int]] = ContextVar("sandbox_clock_skew_us", default=0)


class Store:
    """An open data directory: the database and the sandbox clock."""

    def __init__(self, settings: SandboxSettings) -> None:
        """Open or make the books; raises ContractBroken when another version of the sandbox made them."""
        self.settings = settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(settings.data_dir / "paytrace.sqlite3", isolation_level=None, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        # A commit is handed to the operating system, which a killed process cannot reverse. Only a power cut
        # could, and waiting for the disk would cost the sandbox most of its speed for that.
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=OFF")
        self._check_version(settings.data_dir)
        self.db.executescript(_SCHEMA)
        self.db.execute(f"PRAGMA user_version = {_VERSION}")
        self._seed("card_charge", settings.first_transaction_id - 1)
        self._seed("customer", _FIRST_CUSTOMER_NUMBER - 1)
        self._offset_us = int(self.read_meta("clock_offset_us", "0"))

    def _check_version(self, directory: Path) -> None:
        (found,) = self.db.execute("PRAGMA user_version").fetchone()
        is_new = self.db.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        if not is_new and found != _VERSION:
            self.db.close()
            raise ContractBroken(
                f"the sandbox's books in {directory} were written by another version of Saldo; move that directory "
                "away (or the whole data directory, when nothing in it is needed) and start again"
            )

    def _seed(self, table: str, last: int) -> None:
        known = self.db.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        if known is None:
            self.db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def clear(self) -> None:
        """Empty every table but the meta values and tokens; ids go on, as they would at PayTrace."""
        with self.transaction() as db:
            for found in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
                if found["name"] not in _KEPT and not str(found["name"]).startswith("sqlite_"):
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

    def next_cut_off_us(self, after_us: int) -> int:
        """Return the first settlement cut-off at or after an instant, in the account's zone."""
        hour, minute = (int(part) for part in self.settings.cut_off.split(":"))
        local = from_us(after_us).astimezone(self.settings.zone)
        cut_off = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
        if to_us(cut_off) < after_us:
            cut_off = (cut_off.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=self.settings.zone)
        return to_us(cut_off)


_EARLIEST_US: Final = 631_152_000 * MICROS  # 1990-01-01
_LATEST_US: Final = 7_258_118_400 * MICROS  # 2200-01-01


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant."""
    return (instant.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def from_us(instant_us: int) -> datetime:
    """Return the instant in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)
