"""The life of card transactions in the sandbox: authorization, capture, settlement, void, refund.

Keeps what PayTrace keeps: a capture has the authorization's id, a refund has a new one and no link that a client
could see. The link is kept for the books alone, which the kill test audits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.sandboxes.common.books import MICROS
from infra.sandboxes.paytrace import cards, formats
from infra.sandboxes.paytrace.rejections import (
    ALREADY_SETTLED,
    BAD_TRANSACTION_ID,
    CAPTURE_ABOVE_AUTHORIZATION,
    NOT_AN_OPEN_AUTHORIZATION,
    NOT_SETTLED,
    NOT_VOIDABLE,
    REFUND_ABOVE_SALE,
    Rejected,
)
from infra.sandboxes.paytrace.store import Store

_CHARGED_KINDS: Final = frozenset({"SALE", "FORCE", "AUTHORIZATION"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """What a charge call asks for, already validated."""

    kind: str
    amount_minor: int
    card: cards.StoredCard
    customer_id: str = ""
    csc: str = ""
    fields: Mapping[str, Any]
    through: str = "API"
    recurrence_id: int | None = None


class CardBooks:
    """Card transactions and settlement batches."""

    def __init__(self, store: Store, made_by: str) -> None:
        self._store = store
        self._made_by = made_by

    def charge(self, request: ChargeRequest, *, at_us: int | None = None) -> sqlite3.Row:
        """Book a sale, an authorization or a refund without a sale; the answer is in the row."""
        settings = self._store.settings
        billing = _object(request.fields, "billing_address")
        avs = cards.read_avs(billing) if request.kind != "REFUND" else ""
        declined = request.amount_minor == settings.decline_amount_minor and request.kind != "REFUND"
        by_rule = not declined and request.recurrence_id is None and self._voided_by_rule(avs, request.csc)
        now_us = self._store.now_us() if at_us is None else at_us
        if declined:
            state, message = "DECLINED", "EXPIRED CARD - Expired card"
        else:
            state = "AUTHORIZED" if request.kind == "AUTHORIZATION" else "PENDING"
            message = (
                "EXACT MATCH - Approved and completed"
                if avs == "Full Exact Match"
                else "  NO  MATCH - Approved and completed"
            )
        if by_rule:
            state = "VOIDED_BY_RULE"
        self._refuse_duplicate(request, now_us)
        with self._store.transaction() as db:
            cursor = db.execute(
                "INSERT INTO card_charge (kind, state, amount_minor, authorized_minor, invoice_id, customer_id,"
                " description, customer_reference_id, tax_minor, card_token, card_brand, last_four,"
                " expiration_month, expiration_year, approval_code, approval_message, avs, csc, billing, shipping,"
                " through, made_by, recurrence_id, created_at, pending_at)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    request.kind,
                    state,
                    request.amount_minor,
                    request.amount_minor,
                    _text(request.fields, "invoice_id"),
                    request.customer_id,
                    _text(request.fields, "description"),
                    _text(request.fields, "customer_reference_id"),
                    request.fields.get("tax_minor"),
                    request.card.token,
                    request.card.brand,
                    request.card.last_four,
                    request.card.expiration_month,
                    request.card.expiration_year,
                    "" if declined or request.kind == "REFUND" else f"TAS{now_us // 1000 % 1000:03d}",
                    "" if request.kind == "REFUND" else message,
                    avs,
                    request.csc,
                    formats.encode(billing).decode(),
                    formats.encode(_object(request.fields, "shipping_address")).decode(),
                    request.through,
                    self._made_by,
                    request.recurrence_id,
                    now_us,
                    now_us if state == "PENDING" else None,
                ),
            )
            return self._get(cursor.lastrowid or 0)

    def _voided_by_rule(self, avs: str, csc: str) -> bool:
        rule = self._store.read_meta("auto_void_rule", self._store.settings.auto_void_rule)
        avs_fails = avs not in ("", "Full Exact Match")
        csc_fails = csc == "No Match"
        return {"avs": avs_fails, "csc": csc_fails, "avs_or_csc": avs_fails or csc_fails}.get(rule, False)

    def _refuse_duplicate(self, request: ChargeRequest, now_us: int) -> None:
        window_us = self._store.settings.duplicate_window_minutes * 60 * MICROS
        if not window_us or request.recurrence_id is not None:
            return
        earlier = self._store.row(
            "SELECT number FROM card_charge WHERE invoice_id = ? AND card_token = ? AND amount_minor = ?"
            " AND kind = ? AND made_by = ? AND created_at > ? AND state NOT IN ('DECLINED', 'VOIDED_BY_RULE')",
            _text(request.fields, "invoice_id"),
            request.card.token,
            request.amount_minor,
            request.kind,
            self._made_by,
            now_us - window_us,
        )
        if earlier is not None:
            number = self._store.settings.duplicate_error_number
            raise Rejected(**{f"e{number}": "This transaction appears to be a duplicate."})

    def capture(self, number: int, amount_minor: int | None) -> sqlite3.Row:
        """Capture an open authorization; the row keeps its id and takes the captured amount."""
        with self._store.transaction() as db:
            row = self._get(number)
            if row["state"] != "AUTHORIZED":
                raise Rejected(NOT_AN_OPEN_AUTHORIZATION)
            amount_minor = row["authorized_minor"] if amount_minor is None else amount_minor
            if amount_minor > row["authorized_minor"]:
                raise Rejected(CAPTURE_ABOVE_AUTHORIZATION)
            db.execute(
                "UPDATE card_charge SET state = 'PENDING', kind = ?, amount_minor = ?, pending_at = ? WHERE number = ?",
                (self._store.settings.captured_type, amount_minor, self._store.now_us(), number),
            )
            return self._get(number)

    def void(self, number: int, *, also_by_rule: bool = False) -> sqlite3.Row:
        """Cancel an unsettled transaction; also one that was approved and voided by a rule, where that is taken."""
        with self._store.transaction() as db:
            row = self._get(number)
            if row["state"] == "SETTLED":
                raise Rejected(ALREADY_SETTLED)
            if row["state"] not in {"PENDING", "AUTHORIZED"} | ({"VOIDED_BY_RULE"} if also_by_rule else set()):
                raise Rejected(NOT_VOIDABLE)
            db.execute("UPDATE card_charge SET state = 'VOIDED' WHERE number = ?", (number,))
            return self._get(number)

    def refund(self, number: int, amount_minor: int | None) -> sqlite3.Row:
        """Pay a settled transaction back, in part or in whole; the row has a new id."""
        with self._store.transaction() as db:
            row = self._get(number)
            if row["kind"] not in _CHARGED_KINDS or row["state"] in {"DECLINED", "VOIDED", "VOIDED_BY_RULE"}:
                raise Rejected(BAD_TRANSACTION_ID)
            if row["state"] != "SETTLED":
                raise Rejected(NOT_SETTLED)
            refunded = self._store.row(
                "SELECT coalesce(sum(amount_minor), 0) AS minor FROM card_charge"
                " WHERE refund_of = ? AND state IN ('PENDING', 'SETTLED')",
                number,
            )
            left_minor = row["amount_minor"] - (refunded["minor"] if refunded else 0)
            amount_minor = row["amount_minor"] if amount_minor is None else amount_minor
            if amount_minor > left_minor:
                raise Rejected(REFUND_ABOVE_SALE)
            now_us = self._store.now_us()
            cursor = db.execute(
                "INSERT INTO card_charge (kind, state, amount_minor, authorized_minor, invoice_id, customer_id,"
                " description, customer_reference_id, card_token, card_brand, last_four, expiration_month,"
                " expiration_year, approval_code, approval_message, avs, csc, billing, shipping, through, made_by,"
                " refund_of, created_at, pending_at)"
                " SELECT 'REFUND', 'PENDING', ?, ?, invoice_id, customer_id, description, customer_reference_id,"
                " card_token, card_brand, last_four, expiration_month, expiration_year, '', '', '', '', billing,"
                " shipping, 'API', ?, number, ?, ? FROM card_charge WHERE number = ?",
                (amount_minor, amount_minor, self._made_by, now_us, now_us, number),
            )
            return self._get(cursor.lastrowid or 0)

    # --- settlement

    def settle(self, at_us: int, *, repeats_number: bool = False) -> sqlite3.Row | None:
        """Close the open batch with everything that waited at that instant; None when nothing did.

        Numbers begin again after 999; repeats_number gives the number of the batch before once more.
        """
        with self._store.transaction() as db:
            waiting = self._store.row(
                "SELECT count(*) AS total, sum(kind != 'REFUND') AS sales_count,"
                " coalesce(sum(iif(kind != 'REFUND', amount_minor, 0)), 0) AS sales_minor,"
                " sum(kind = 'REFUND') AS refund_count,"
                " coalesce(sum(iif(kind = 'REFUND', amount_minor, 0)), 0) AS refund_minor"
                " FROM card_charge WHERE state = 'PENDING' AND pending_at <= ?",
                at_us,
            )
            if waiting is None or not waiting["total"]:
                return None
            last = self._store.row("SELECT number FROM batch ORDER BY key DESC LIMIT 1")
            number = self._store.settings.first_batch_number if last is None else last["number"] % 999 + 1
            if repeats_number and last is not None:
                number = last["number"]
            cursor = db.execute(
                "INSERT INTO batch (number, settled_at, sales_count, sales_minor, refund_count, refund_minor)"
                " VALUES (?,?,?,?,?,?)",
                (
                    number,
                    at_us,
                    waiting["sales_count"],
                    waiting["sales_minor"],
                    waiting["refund_count"],
                    waiting["refund_minor"],
                ),
            )
            db.execute(
                "UPDATE card_charge SET state = 'SETTLED', settled_at = ?, batch_key = ?"
                " WHERE state = 'PENDING' AND pending_at <= ?",
                (at_us, cursor.lastrowid, at_us),
            )
            return self._store.row("SELECT * FROM batch WHERE key = ?", cursor.lastrowid)

    def next_settlement_us(self) -> int | None:
        """Return when the next automatic settlement has something to do."""
        if not self._store.settings.auto_settle:
            return None
        first = self._store.row("SELECT min(pending_at) AS at FROM card_charge WHERE state = 'PENDING'")
        if first is None or first["at"] is None:
            return None
        return self._store.next_cut_off_us(first["at"])

    # --- reads

    def find(self, number: int) -> sqlite3.Row | None:
        """Return one transaction with its batch number."""
        return self._store.row(_SELECT + " WHERE card_charge.number = ?", number)

    def between(self, start_us: int, end_us: int) -> list[sqlite3.Row]:
        """Transactions by the date that the account filters by, end excluded."""
        column = "created_at" if self._store.settings.date_filter == "created" else "settled_at"
        return self._store.rows(
            f"{_SELECT} WHERE card_charge.{column} >= ? AND card_charge.{column} < ? ORDER BY card_charge.number",
            start_us,
            end_us,
        )

    def batches_between(self, start_us: int, end_us: int) -> list[sqlite3.Row]:
        """Batches by settlement, end excluded."""
        return self._store.rows(
            "SELECT * FROM batch WHERE settled_at >= ? AND settled_at < ? ORDER BY key", start_us, end_us
        )

    def batch(self, number: int) -> sqlite3.Row | None:
        """Return the newest batch with this number."""
        return self._store.row("SELECT * FROM batch WHERE number = ? ORDER BY key DESC LIMIT 1", number)

    def latest_batches(self, count: int) -> list[sqlite3.Row]:
        """Return the newest batches, newest first."""
        return self._store.rows("SELECT * FROM batch ORDER BY key DESC LIMIT ?", count)

    def of_batch(self, key: int) -> list[sqlite3.Row]:
        """Return the transactions of a batch."""
        return self._store.rows(f"{_SELECT} WHERE batch_key = ? ORDER BY card_charge.number", key)

    def all(self) -> list[sqlite3.Row]:
        """Return every transaction, oldest first."""
        return self._store.rows(f"{_SELECT} ORDER BY card_charge.number")

    def _get(self, number: int) -> sqlite3.Row:
        row = self.find(number)
        if row is None:
            raise Rejected(BAD_TRANSACTION_ID)
        return row


_SELECT: Final = (
    "SELECT card_charge.*, batch.number AS batch_number FROM card_charge LEFT JOIN batch ON batch.key = batch_key"
)


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return str(value)[:255] if isinstance(value, str | int) else ""
