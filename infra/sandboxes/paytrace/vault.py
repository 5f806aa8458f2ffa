"""The sandbox's customer vault and its recurring schedules.

A schedule runs at 12:30 a.m. of its due day and makes an ordinary transaction of the customer, approved or
declined; nothing tells clients about it. Bank numbers are cut to four digits before they are kept.
"""

from __future__ import annotations

import calendar
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from infra.sandboxes.common.books import to_us
from infra.sandboxes.paytrace import cards, formats
from infra.sandboxes.paytrace.rejections import (
    BAD_RECURRENCE,
    CUSTOMER_NOT_UNIQUE,
    Rejected,
    customer_not_found,
)
from infra.sandboxes.paytrace.store import Store

_MONTHS: Final = {"1": 12, "8": 6, "A": 4, "2": 3, "9": 2, "3": 1}
_DAYS: Final = {"4": 14, "5": 7, "6": 1}
_TWICE_A_MONTH: Final = "7"
FREQUENCIES: Final = frozenset({*_MONTHS, *_DAYS, _TWICE_A_MONTH})
_NO_END: Final = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A validated schedule."""

    customer_id: str
    amount_minor: int
    frequency: str
    start_on: date
    total_count: int
    transaction_type: str = "Sale"
    pays_by: str = "C"
    description: str = ""
    api: str = "v1"


class Vault:
    """Customers and schedules."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # --- customers

    def create(self, customer_id: str, card: cards.StoredCard, bank_last_four: str, fields: Mapping[str, Any]) -> None:
        """Store a new customer. Raises Rejected when the id is taken."""
        with self._store.transaction() as db:
            if not customer_id or self.find(customer_id) is not None:
                raise Rejected(CUSTOMER_NOT_UNIQUE)
            db.execute(
                "INSERT INTO customer (customer_id, email, phone, card_token, card_brand, last_four, expiration_month,"
                " expiration_year, bank_last_four, billing, shipping, created_at)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    customer_id,
                    str(fields.get("email") or ""),
                    str(fields.get("phone") or ""),
                    card.token,
                    card.brand,
                    card.last_four,
                    card.expiration_month,
                    card.expiration_year,
                    bank_last_four,
                    formats.encode(fields.get("billing_address") or {}).decode(),
                    formats.encode(fields.get("shipping_address") or {}).decode(),
                    self._store.now_us(),
                ),
            )

    def update(
        self,
        customer_id: str,
        card: cards.StoredCard | None,
        bank_last_four: str | None,
        fields: Mapping[str, Any],
    ) -> str:
        """Change a customer and return the id it has now. Raises Rejected when unknown or the new id is taken."""
        with self._store.transaction() as db:
            row = self.known(customer_id)
            new_id = str(fields.get("new_id") or customer_id)
            if new_id != customer_id and self.find(new_id) is not None:
                raise Rejected(CUSTOMER_NOT_UNIQUE)
            kept = card or stored_card(row)
            billing, shipping = fields.get("billing_address"), fields.get("shipping_address")
            db.execute(
                "UPDATE customer SET customer_id = ?, email = ?, phone = ?, card_token = ?, card_brand = ?,"
                " last_four = ?, expiration_month = ?, expiration_year = ?, bank_last_four = ?, billing = ?,"
                " shipping = ? WHERE customer_id = ?",
                (
                    new_id,
                    str(fields.get("email") or row["email"]),
                    str(fields.get("phone") or row["phone"]),
                    kept.token,
                    kept.brand,
                    kept.last_four,
                    kept.expiration_month,
                    kept.expiration_year,
                    row["bank_last_four"] if bank_last_four is None else bank_last_four,
                    row["billing"] if billing is None else formats.encode(billing).decode(),
                    row["shipping"] if shipping is None else formats.encode(shipping).decode(),
                    customer_id,
                ),
            )
            db.execute("UPDATE recurrence SET customer_id = ? WHERE customer_id = ?", (new_id, customer_id))
            return new_id

    def delete(self, customer_id: str) -> None:
        """Remove a customer and its schedules."""
        with self._store.transaction() as db:
            self.known(customer_id)
            db.execute("DELETE FROM customer WHERE customer_id = ?", (customer_id,))
            db.execute("DELETE FROM recurrence WHERE customer_id = ?", (customer_id,))

    def find(self, customer_id: str) -> sqlite3.Row | None:
        """Return one customer, or None."""
        return self._store.row("SELECT * FROM customer WHERE customer_id = ?", customer_id)

    def by_number(self, number: str) -> sqlite3.Row | None:
        """Return one customer by the number that v3 uses, or None."""
        return self._store.row("SELECT * FROM customer WHERE number = ?", number)

    def known(self, customer_id: str) -> sqlite3.Row:
        """Return one customer. Raises Rejected when unknown."""
        row = self.find(customer_id)
        if row is None:
            raise customer_not_found(customer_id)
        return row

    def customers(self) -> list[sqlite3.Row]:
        """Return every customer."""
        return self._store.rows("SELECT * FROM customer ORDER BY customer_id")

    # --- schedules

    def schedule(self, plan: Schedule) -> int:
        """Create a schedule and return its id; nothing is charged yet."""
        with self._store.transaction() as db:
            self.known(plan.customer_id)
            cursor = db.execute(
                "INSERT INTO recurrence (customer_id, amount_minor, frequency, transaction_type, pays_by,"
                " description, api, total_count, current_count, start_on, next_on, due_at)"
                " VALUES (?,?,?,?,?,?,?,?,0,?,?,?)",
                (
                    plan.customer_id,
                    plan.amount_minor,
                    plan.frequency,
                    plan.transaction_type,
                    plan.pays_by,
                    plan.description,
                    plan.api,
                    plan.total_count,
                    plan.start_on.isoformat(),
                    plan.start_on.isoformat(),
                    self._run_at_us(plan.start_on),
                ),
            )
            return cursor.lastrowid or 0

    def reschedule(self, identity: int, *, amount_minor: int | None, total_count: int | None) -> None:
        """Change amount or number of charges of a schedule."""
        with self._store.transaction() as db:
            row = self._known_schedule(identity)
            db.execute(
                "UPDATE recurrence SET amount_minor = ?, total_count = ? WHERE id = ?",
                (
                    row["amount_minor"] if amount_minor is None else amount_minor,
                    row["total_count"] if total_count is None else total_count,
                    identity,
                ),
            )

    def unschedule(self, identity: int) -> None:
        """Remove a schedule for good."""
        with self._store.transaction() as db:
            self._known_schedule(identity)
            db.execute("DELETE FROM recurrence WHERE id = ?", (identity,))

    def schedules(self, *, customer_id: str | None, identity: int | None) -> list[sqlite3.Row]:
        """Schedules of a customer, one of them, or all."""
        return self._store.rows(
            "SELECT * FROM recurrence WHERE (? IS NULL OR customer_id = ?) AND (? IS NULL OR id = ?) ORDER BY id",
            customer_id,
            customer_id,
            identity,
            identity,
        )

    def next_due_us(self) -> int | None:
        """Return when the next schedule runs."""
        first = self._store.row("SELECT min(due_at) AS at FROM recurrence WHERE due_at IS NOT NULL")
        return None if first is None else first["at"]

    def run_due(self, at_us: int, charge: Callable[[sqlite3.Row], None]) -> None:
        """Run every schedule that is due at that instant once, and set its next day."""
        with self._store.transaction() as db:
            for row in self._store.rows("SELECT * FROM recurrence WHERE due_at <= ?", at_us):
                charge(row)
                count = row["current_count"] + 1
                ended = row["total_count"] != _NO_END and count >= row["total_count"]
                next_on = None if ended else next_day(row["frequency"], date.fromisoformat(row["start_on"]), count)
                db.execute(
                    "UPDATE recurrence SET current_count = ?, next_on = ?, due_at = ? WHERE id = ?",
                    (
                        count,
                        None if next_on is None else next_on.isoformat(),
                        None if next_on is None else self._run_at_us(next_on),
                        row["id"],
                    ),
                )

    def _known_schedule(self, identity: int) -> sqlite3.Row:
        row = self._store.row("SELECT * FROM recurrence WHERE id = ?", identity)
        if row is None:
            raise Rejected(BAD_RECURRENCE)
        return row

    def _run_at_us(self, day: date) -> int:
        """12:30 a.m. of the account's zone."""
        return to_us(datetime(day.year, day.month, day.day, 0, 30, tzinfo=self._store.settings.zone))


def stored_card(row: sqlite3.Row) -> cards.StoredCard:
    """Return the card of a customer or of an earlier transaction."""
    return cards.StoredCard(
        row["card_token"], row["card_brand"], row["last_four"], row["expiration_month"], row["expiration_year"]
    )


def next_day(frequency: str, start: date, count: int) -> date:
    """Return the day of the charge after count charges, counted from the start so that the 31st does not drift."""
    if frequency == _TWICE_A_MONTH:
        half = count + (0 if start.day < 15 else 1)
        month = start.month - 1 + half // 2
        return date(start.year + month // 12, month % 12 + 1, 15 if half % 2 else 1)
    if frequency in _DAYS:
        return start + timedelta(days=_DAYS[frequency] * count)
    month = start.month - 1 + _MONTHS[frequency] * count
    year, month = start.year + month // 12, month % 12 + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))
