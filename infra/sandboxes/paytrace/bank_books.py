"""The life of bank debits in the sandbox: v1 checks and v3 ACH payments, settlement days later, returns after that.

A debit is accepted at once, originated at the next cut-off, settled after so many days, and some come back.
Which come back is decided by amount or by a share of the ids, so a run can be repeated.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

from infra.sandboxes.paytrace.rejections import BAD_CHECK_ID, Rejected
from infra.sandboxes.paytrace.store import DAY_US, Store
from schemas.values.clock import new_uuid

_DEFAULT_RETURN_CODE: Final = "R01"
_SELECT: Final = (
    "SELECT bank_charge.*, customer.number AS customer_number FROM bank_charge"
    " LEFT JOIN customer ON customer.customer_id = bank_charge.customer_id"
)
_BETWEEN: Final = {
    "created": f"{_SELECT} WHERE api = ? AND bank_charge.created_at >= ? AND bank_charge.created_at < ?"
    " ORDER BY bank_charge.created_at, id",
    "settled": f"{_SELECT} WHERE api = ? AND settled_at >= ? AND settled_at < ? ORDER BY settled_at, id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitRequest:
    """What a debit call asks for, already validated."""

    api: str
    kind: str
    amount_minor: int
    last_four: str
    invoice_id: str = ""
    customer_id: str = ""
    description: str = ""
    entry_class: str = ""
    idempotency_key: str | None = None


class BankBooks:
    """Checks (v1, numbers) and ACH payments (v3, UUIDs)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def debit(
        self,
        request: DebitRequest,
        *,
        refused: bool = False,
        at_us: int | None = None,
    ) -> sqlite3.Row:
        """Book a debit, or return the one that the same idempotency key made before."""
        with self._store.transaction() as db:
            if request.idempotency_key is not None:
                earlier = self.by_key(request.idempotency_key)
                if earlier is not None:
                    return earlier
            identity, number = self._new_identity(request.api)
            now_us = self._store.now_us() if at_us is None else at_us
            state = "DECLINED" if refused else "ACCEPTED"
            runs = state == "ACCEPTED"
            db.execute(
                "INSERT INTO bank_charge (id, api, number, kind, state, amount_minor, invoice_id, customer_id,"
                " description, last_four, entry_class, idempotency_key, created_at, due_at, due_state)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    identity,
                    request.api,
                    number,
                    request.kind,
                    state,
                    request.amount_minor,
                    request.invoice_id,
                    request.customer_id,
                    request.description,
                    request.last_four,
                    request.entry_class,
                    request.idempotency_key,
                    now_us,
                    self._store.next_cut_off_us(now_us) if runs else None,
                    "ORIGINATED" if runs else None,
                ),
            )
            return self._get(identity)

    def _new_identity(self, api: str) -> tuple[str, int | None]:
        if api == "v3":
            return str(new_uuid()), None
        last = self._store.row("SELECT max(number) AS number FROM bank_charge")
        first = self._store.settings.first_check_id
        number = first if last is None or last["number"] is None else last["number"] + 1
        return f"check-{number}", number

    def force(self, identity: str, state: str, return_code: str | None) -> sqlite3.Row:
        """Put a debit into a state by hand, as the admin page asks."""
        with self._store.transaction() as db:
            self._get(identity)
            self._set(db, identity, state, return_code)
            return self._get(identity)

    # --- time

    def next_due_us(self) -> int | None:
        """Return when the next debit changes by itself."""
        first = self._store.row("SELECT min(due_at) AS at FROM bank_charge WHERE due_at IS NOT NULL")
        return None if first is None else first["at"]

    def advance(self, at_us: int) -> None:
        """Carry out everything that is due at that instant."""
        with self._store.transaction() as db:
            for row in self._store.rows("SELECT * FROM bank_charge WHERE due_at <= ?", at_us):
                self._set(db, row["id"], row["due_state"], _DEFAULT_RETURN_CODE, at_us=row["due_at"])

    def _set(
        self,
        db: sqlite3.Connection,
        identity: str,
        state: str,
        return_code: str | None = None,
        *,
        at_us: int | None = None,
    ) -> None:
        at_us = self._store.now_us() if at_us is None else at_us
        row = self._get(identity)
        due_at, due_state = self._next(row, state, at_us)
        db.execute(
            "UPDATE bank_charge SET state = ?, settled_at = ?, returned_at = ?, return_code = ?, due_at = ?,"
            " due_state = ? WHERE id = ?",
            (
                state,
                at_us if state == "SETTLED" else row["settled_at"],
                at_us if state == "RETURNED" else row["returned_at"],
                (return_code or _DEFAULT_RETURN_CODE) if state == "RETURNED" else row["return_code"],
                due_at,
                due_state,
                identity,
            ),
        )

    def _next(self, row: sqlite3.Row, state: str, at_us: int) -> tuple[int | None, str | None]:
        settings = self._store.settings
        if state == "ORIGINATED":
            return at_us + settings.ach_settle_days * DAY_US, "SETTLED"
        if state == "SETTLED" and row["kind"] == "SALE" and self._comes_back(row):
            return at_us + settings.ach_return_days * DAY_US, "RETURNED"
        return None, None

    def _comes_back(self, row: sqlite3.Row) -> bool:
        settings = self._store.settings
        if row["amount_minor"] == settings.ach_return_amount_minor:
            return True
        draw = int.from_bytes(hashlib.sha256(row["id"].encode()).digest()[:4], "big") / 2**32
        return draw < settings.ach_return_share

    # --- reads

    def find(self, identity: str) -> sqlite3.Row | None:
        """Return one debit."""
        return self._store.row(f"{_SELECT} WHERE id = ?", identity)

    def by_key(self, key: str) -> sqlite3.Row | None:
        """Return the debit that an idempotency key made."""
        return self._store.row(f"{_SELECT} WHERE idempotency_key = ?", key)

    def between(self, api: str, by: Literal["created", "settled"], start_us: int, end_us: int) -> list[sqlite3.Row]:
        """Debits of one API by creation or settlement, end excluded."""
        return self._store.rows(_BETWEEN[by], api, start_us, end_us)

    def all(self) -> list[sqlite3.Row]:
        """Return every debit, oldest first."""
        return self._store.rows(f"{_SELECT} ORDER BY bank_charge.created_at, id")

    def _get(self, identity: str) -> sqlite3.Row:
        row = self.find(identity)
        if row is None:
            raise Rejected(BAD_CHECK_ID)
        return row
