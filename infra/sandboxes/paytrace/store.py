"""The sandbox's books: charges, batches, customers, recurrences, and what is due at which moment. Amounts are cents."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from infra.sandboxes.common.books import MICROS, Books, from_us, to_us
from infra.sandboxes.paytrace.settings import SandboxSettings

DAY_US: Final = 86_400 * MICROS

_FIRST_CUSTOMER_NUMBER: Final = 7001

_SCHEMA: Final = """
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


class Store(Books):
    """An open data directory of one merchant."""

    def __init__(self, settings: SandboxSettings) -> None:
        """Open or make the books; raises ContractBroken when another version of the sandbox made them."""
        self.settings = settings
        super().__init__(settings.data_dir / "paytrace.sqlite3", _SCHEMA, kept=frozenset({"token"}))
        self._seed("card_charge", settings.first_transaction_id - 1)
        self._seed("customer", _FIRST_CUSTOMER_NUMBER - 1)

    def _seed(self, table: str, last: int) -> None:
        known = self.db.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        if known is None:
            self.db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))

    def next_cut_off_us(self, after_us: int) -> int:
        """Return the first settlement cut-off at or after an instant, in the account's zone."""
        hour, minute = (int(part) for part in self.settings.cut_off.split(":"))
        local = from_us(after_us).astimezone(self.settings.zone)
        cut_off = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
        if to_us(cut_off) < after_us:
            cut_off = (cut_off.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=self.settings.zone)
        return to_us(cut_off)
