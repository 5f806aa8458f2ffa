"""The hook engine: a queue worked off in the background, bodies built at delivery, no retry ever, and the switch-off.

A job is deleted before it is sent: what fails is lost, as at WooCommerce. The counter and the queue survive kill -9.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import sqlite3
from typing import Any, Final

import httpx2

from infra.sandboxes.common.books import MICROS
from infra.sandboxes.shop import render
from infra.sandboxes.shop.faults import Faults
from infra.sandboxes.shop.php import encode
from infra.sandboxes.shop.shop import Shop
from schemas.values.clock import utc_now

_LOOK_EVERY_S: Final = 0.02
_AT_ONCE: Final = 100
TOPICS: Final = frozenset(
    f"{resource}.{event}"
    for resource in ("order", "product", "customer", "coupon")
    for event in ("created", "updated", "deleted", "restored")
) - {"customer.restored"}


class Hooks:
    """Delivers what the shop queued."""

    def __init__(self, shop: Shop, faults: Faults) -> None:
        self._shop = shop
        self._store = shop.store
        self._faults = faults
        self._late: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work off the queue for as long as the sandbox serves."""
        async with httpx2.AsyncClient(timeout=self._store.settings.hook_timeout_s, trust_env=False) as http:
            while True:
                await self._ping(http)
                if self._faults.strikes("hook_stalled") is None:
                    await self._work_off(http)
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _ping(self, http: httpx2.AsyncClient) -> None:
        """Send the unsigned ping of new or changed hooks, once after each save until one was answered with 200."""
        for hook in self._store.rows("SELECT * FROM hook WHERE pings > 0 AND status = 'active'"):
            with self._store.transaction() as db:
                db.execute("UPDATE hook SET pings = 0 WHERE id = ?", (hook["id"],))
            headers = {"content-type": "application/x-www-form-urlencoded"}
            try:
                answer = await http.post(hook["url"], content=f"webhook_id={hook['id']}".encode(), headers=headers)
                self._store.note("delivery", {"hook": hook["id"], "topic": "ping", "status": answer.status_code})
            except httpx2.HTTPError as error:
                self._store.note("delivery", {"hook": hook["id"], "topic": "ping", "status": type(error).__name__})

    async def _work_off(self, http: httpx2.AsyncClient) -> None:
        jobs = self._store.rows("SELECT * FROM job ORDER BY id LIMIT ?", _AT_ONCE)
        if len(jobs) > 1 and self._faults.strikes("hook_reordered") is not None:
            jobs.reverse()
        for job in jobs:
            with self._store.transaction() as db:
                db.execute("DELETE FROM job WHERE id = ?", (job["id"],))
            found = self._store.rows("SELECT * FROM hook WHERE id = ?", job["hook"])
            if not found or found[0]["status"] != "active" or self._faults.strikes("hook_lost") is not None:
                continue
            body = self.body(found[0], job["thing"])
            late = self._faults.strikes("hook_late")
            if late is not None:
                task = asyncio.create_task(self._later(http, found[0], body, late.seconds))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
                continue
            for _ in range(2 if self._faults.strikes("hook_duplicated") is not None else 1):
                await self._deliver(http, found[0], body)

    async def _later(self, http: httpx2.AsyncClient, hook: sqlite3.Row, body: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._deliver(http, hook, body)

    def body(self, hook: sqlite3.Row, number: int) -> bytes:
        """Return what a hook says now of a thing, as PHP writes it."""
        resource, _, event = hook["topic"].partition(".")
        if self._faults.strikes("hook_error_object") is not None:
            return encode(_error(401, "woocommerce_rest_cannot_view", "Sorry, you cannot view this resource."))
        if event == "deleted":
            return encode({"id": number})
        thing = self._store.find(resource, number)
        if thing is None:
            return encode(_error(404, f"woocommerce_rest_shop_{resource}_invalid_id", "Invalid ID."))
        shown = render.order(self._store, thing) if resource == "order" else render.product(self._store, thing)
        return encode(shown)

    async def _deliver(self, http: httpx2.AsyncClient, hook: sqlite3.Row, body: bytes) -> None:
        resource, _, event = hook["topic"].partition(".")
        secret = hook["secret"] + ("x" if self._faults.strikes("hook_bad_signature") is not None else "")
        home = self._store.settings.home_url
        if self._faults.strikes("hook_other_shop") is not None:
            home, secret = "https://elsewhere.example/", "anothershopssecret"
        signature = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()
        if self._faults.strikes("hook_reencoded") is not None:
            body = json.dumps(json.loads(body)).encode()
        second = self._store.now_us() // MICROS
        headers = {
            "content-type": "application/json",
            "user-agent": "WooCommerce/10.2.1 Hookshot (WordPress/6.8)",
            "x-wc-webhook-source": home,
            "x-wc-webhook-topic": hook["topic"],
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-signature": signature,
            "x-wc-webhook-id": str(hook["id"]),
            "x-wc-webhook-delivery-id": hashlib.md5(f"{hook['id']}{second}".encode()).hexdigest(),  # noqa: S324
        }
        outcome: int | str
        try:
            outcome = (await http.post(hook["url"], content=body, headers=headers, follow_redirects=False)).status_code
        except httpx2.HTTPError as error:
            outcome = type(error).__name__
        self._store.note(
            "delivery",
            {"hook": hook["id"], "topic": hook["topic"], "status": outcome, "at": utc_now().isoformat()},
        )
        self._count(hook["id"], well=isinstance(outcome, int) and 200 <= outcome <= 302)

    def _count(self, number: int, *, well: bool) -> None:
        """Count failures in a row, and switch the hook off after so many; a success begins anew."""
        limit = self._store.settings.failures_to_disable
        with self._store.transaction() as db:
            if well:
                db.execute("UPDATE hook SET failures = 0 WHERE id = ?", (number,))
                return
            db.execute("UPDATE hook SET failures = failures + 1 WHERE id = ?", (number,))
            db.execute("UPDATE hook SET status = 'disabled' WHERE id = ? AND failures >= ?", (number, limit))


def _error(status: int, code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"status": status}}
