"""Sends a hook for every change in the sandbox's books, and Silent Posts of its checkout, when told where to.

PayTrace has no hooks; this stands for a service that relays changes, so that Saldo's way in can be tested with
what networks do to hooks: lost, late, doubled, out of order, signed by a clock that is wrong. Changes are noted
by triggers in the same commit as the change, so kill -9 loses no hook, and a hook shows the state of its change.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import sqlite3
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from standardwebhooks.webhooks import Webhook

from infra.sandboxes.common.books import MICROS, from_us
from infra.sandboxes.paytrace import formats
from infra.sandboxes.paytrace.faults import Faults
from infra.sandboxes.paytrace.merchant import Merchant
from infra.sandboxes.paytrace.store import Store
from schemas.values.clock import utc_now

_LOOK_EVERY_S: Final = 0.05
_AT_ONCE: Final = 100
_MAX_ATTEMPTS: Final = 30
_LONGEST_PAUSE_S: Final = 30.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, rail TEXT NOT NULL, subject TEXT NOT NULL, change TEXT NOT NULL,
  is_new INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0);
"""

# By the clock of networks, which the sandbox clock does not move: it is when a relay would have read the row.
_NOW_US: Final = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
_CARD_CHANGE: Final = f"""json_object(
    'changed_at_us', {_NOW_US}, 'state', NEW.state, 'kind', NEW.kind, 'amount_minor', NEW.amount_minor,
    'settled_at', NEW.settled_at, 'batch_number', (SELECT number FROM batch WHERE key = NEW.batch_key))"""  # noqa: S608 -- our own words
_BANK_CHANGE: Final = f"""json_object(
    'changed_at_us', {_NOW_US}, 'state', NEW.state, 'settled_at', NEW.settled_at, 'return_code', NEW.return_code)"""
# The type that the receiver of our hooks documents.
HOOK_TYPE: Final = "paytrace.transaction.changed"
_REPORTED: Final = "EXISTS (SELECT 1 FROM meta WHERE name = 'hooks')"
# Dropped first, so that books of an older sandbox get the triggers of this one.
_TRIGGERS: Final = f"""
DROP TRIGGER IF EXISTS card_made; DROP TRIGGER IF EXISTS card_changed;
DROP TRIGGER IF EXISTS bank_made; DROP TRIGGER IF EXISTS bank_changed;
CREATE TRIGGER card_made AFTER INSERT ON card_charge WHEN {_REPORTED} BEGIN
  INSERT INTO outbox (rail, subject, is_new, change) VALUES ('card', NEW.number, 1, {_CARD_CHANGE}); END;
CREATE TRIGGER card_changed AFTER UPDATE ON card_charge
  WHEN {_REPORTED} AND (NEW.state != OLD.state OR NEW.amount_minor != OLD.amount_minor) BEGIN
  INSERT INTO outbox (rail, subject, is_new, change) VALUES ('card', NEW.number, 0, {_CARD_CHANGE}); END;
CREATE TRIGGER bank_made AFTER INSERT ON bank_charge WHEN {_REPORTED} BEGIN
  INSERT INTO outbox (rail, subject, is_new, change) VALUES (NEW.api, NEW.id, 1, {_BANK_CHANGE}); END;
CREATE TRIGGER bank_changed AFTER UPDATE ON bank_charge WHEN {_REPORTED} AND NEW.state != OLD.state BEGIN
  INSERT INTO outbox (rail, subject, is_new, change) VALUES (NEW.api, NEW.id, 0, {_BANK_CHANGE}); END;
"""  # noqa: S608 -- our own words


class Hooks:
    """The outbox and who is told."""

    def __init__(self, merchant: Merchant, faults: Faults) -> None:
        self._merchant = merchant
        self._faults = faults
        self._store: Store = merchant.store
        self._store.db.executescript(_SCHEMA + _TRIGGERS)
        self._late: set[asyncio.Task[None]] = set()

    def configure(self, wanted: dict[str, Any]) -> None:
        """Set {"url", "secret"} of the hook and {"silent_post_url"}; an empty object ends all reports.

        Raises: ValueError for a hook without a secret that can sign, and for what is no URL.
        """
        known = {name: str(wanted[name]) for name in ("url", "secret", "silent_post_url") if wanted.get(name)}
        for name in known.keys() - {"secret"}:
            try:
                url = httpx2.URL(known[name])
            except httpx2.InvalidURL as error:
                raise ValueError(f"{name}: {error}") from error
            if url.scheme not in {"http", "https"} or not url.host:
                raise ValueError(f"{name}: expected http:// or https:// and a host")
        if "url" in known:
            try:
                key = base64.b64decode(known.get("secret", "").removeprefix("whsec_"), validate=True)
            except binascii.Error as error:
                raise ValueError("secret: expected whsec_ and base64 of the key") from error
            if not key:
                raise ValueError("secret: a hook has to be signed")
        with self._store.transaction() as db:
            db.execute("DELETE FROM meta WHERE name = 'hooks'")
            if known:
                db.execute("INSERT INTO meta VALUES ('hooks', ?)", (json.dumps(known),))

    def show(self) -> dict[str, Any]:
        """Return where hooks go (never the secret) and how many wait."""
        reported = self._targets()
        waiting = self._store.row("SELECT count(*) AS number FROM outbox")
        return {
            "url": reported.get("url"),
            "silent_post_url": reported.get("silent_post_url"),
            "waiting": 0 if waiting is None else waiting["number"],
        }

    def _targets(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._store.read_meta("hooks", "{}"))
        return found

    async def run(self) -> None:
        """Tell what is in the outbox, for as long as the sandbox serves."""
        async with httpx2.AsyncClient(timeout=10.0) as http:
            while True:
                self._merchant.catch_up()
                due = self._store.rows(
                    "SELECT * FROM outbox WHERE due_at <= ? ORDER BY id LIMIT ?", self._real_now_us(), _AT_ONCE
                )
                for row in self._reordered(due):
                    await self._report(http, row)
                if not due:
                    await asyncio.sleep(_LOOK_EVERY_S)

    def _reordered(self, due: list[sqlite3.Row]) -> list[sqlite3.Row]:
        """Return the same hooks, some of them behind their successor."""
        ordered = list(due)
        for index in range(len(ordered) - 1):
            if self._faults.strikes("hook_reordered", "/") is not None:
                ordered[index], ordered[index + 1] = ordered[index + 1], ordered[index]
        return ordered

    async def _report(self, http: httpx2.AsyncClient, row: sqlite3.Row) -> None:
        targets = self._targets()
        if not targets or self._faults.strikes("hook_lost", "/") is not None:
            self._forget(row)
            return
        if row["is_new"] and not row["attempts"] and "silent_post_url" in targets and row["rail"] == "card":
            # At most once and never repeated, as the reference has it.
            with contextlib.suppress(httpx2.HTTPError):
                await self._silent_post(http, targets["silent_post_url"], row)
        if "url" not in targets:
            self._forget(row)
            return
        body = self._body(row)
        times = 2 if self._faults.strikes("hook_duplicated", "/") is not None else 1
        late = self._faults.strikes("hook_late", "/")
        if late is not None:
            self._forget(row)
            task = asyncio.create_task(self._post_later(http, targets, row, body, late.seconds))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return
        reported = False
        for _ in range(times):
            reported = await self._post(http, targets, row, body) or reported
        if reported:
            self._forget(row)
        else:
            self._put_off(row)

    async def _post_later(
        self,
        http: httpx2.AsyncClient,
        targets: dict[str, str],
        row: sqlite3.Row,
        body: bytes,
        seconds: float,
    ) -> None:
        await asyncio.sleep(seconds)
        await self._post(http, targets, row, body)

    async def _post(self, http: httpx2.AsyncClient, targets: dict[str, str], row: sqlite3.Row, body: bytes) -> bool:
        """Send one signed hook and say whether it was accepted (or refused for good, which is final too)."""
        skew = self._faults.strikes("hook_clock_skew", "/")
        signed_at = utc_now() + timedelta(seconds=0.0 if skew is None else skew.seconds)
        identity = f"msg_{row['id']}"
        headers = {
            "content-type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(signed_at.timestamp())),
            "webhook-signature": Webhook(targets["secret"]).sign(identity, signed_at, body.decode()),
        }
        try:
            answer = await http.post(targets["url"], content=body, headers=headers)
        except httpx2.HTTPError:
            return False
        # A 4xx will not get better by repeating, except for "too many" and "too late".
        return answer.status_code < 400 or (answer.status_code < 500 and answer.status_code not in {408, 429})

    def _body(self, row: sqlite3.Row) -> bytes:
        change = json.loads(row["change"])
        changed_at = from_us(change.pop("changed_at_us"))
        return formats.encode({"type": HOOK_TYPE, "timestamp": changed_at.isoformat(), "data": self._row(row, change)})

    def _row(self, row: sqlite3.Row, change: dict[str, Any]) -> Any:
        """Return the export row as it was right after the change."""
        if row["rail"] == "card":
            found = self._merchant.cards.find(int(row["subject"]))
            merged = {**dict(found or {}), **change}
            return self._merchant.rows.transaction(merged)
        found = self._merchant.bank.find(row["subject"])
        merged = {**dict(found or {}), **change}
        if row["rail"] == "v3":
            return self._merchant.rows.ach(merged, self._merchant.settings.merchant_id or 1)
        return self._merchant.rows.check(merged)

    async def _silent_post(self, http: httpx2.AsyncClient, url: str, row: sqlite3.Row) -> None:
        charge = self._merchant.cards.find(int(row["subject"]))
        if charge is None or charge["kind"] == "REFUND":
            return
        listed = {
            "ORDERID": charge["invoice_id"] or charge["number"],
            "TRANSACTIONID": charge["number"],
            "APPCODE": charge["approval_code"],
            "APPMSG": charge["approval_message"],
            "AVSRESPONSE": charge["avs"],
            "CSCRESPONSE": charge["csc"],
        }
        text = "".join(f"{name}~{value}|" for name, value in listed.items())
        await http.post(
            url,
            content=urlencode({"parmList": text}),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )

    def _forget(self, row: sqlite3.Row) -> None:
        with self._store.transaction() as db:
            db.execute("DELETE FROM outbox WHERE id = ?", (row["id"],))

    def _put_off(self, row: sqlite3.Row) -> None:
        if row["attempts"] + 1 >= _MAX_ATTEMPTS:
            self._forget(row)
            return
        pause_s = min(_LONGEST_PAUSE_S, 0.1 * 2 ** row["attempts"])
        with self._store.transaction() as db:
            db.execute(
                "UPDATE outbox SET attempts = attempts + 1, due_at = ? WHERE id = ?",
                (self._real_now_us() + int(pause_s * MICROS), row["id"]),
            )

    @staticmethod
    def _real_now_us() -> int:
        """Return the clock of networks, which the sandbox clock does not move."""
        return int(utc_now().timestamp() * MICROS)
