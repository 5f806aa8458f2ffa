"""The admin side of the sandbox, below /_sandbox: its books, its clock, its faults, and a page to look at.

For tests, the kill-test audit and people. The books name refund links that PayTrace itself would never show.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from infra.sandboxes.common.books import from_us
from infra.sandboxes.paytrace import formats
from infra.sandboxes.paytrace.faults import ADMIN_PREFIX, Faults
from infra.sandboxes.paytrace.formats import to_dollars
from infra.sandboxes.paytrace.hooks import Hooks
from infra.sandboxes.paytrace.merchant import Merchant
from infra.sandboxes.paytrace.rejections import Rejected
from infra.sandboxes.paytrace.rows import bank_entry, card_entry
from schemas.values.clock import utc_now

# The documented enum of the v3 list.
ACH_STATUSES: Final = (
    *("INITIATED", "ACCEPTED", "VOIDED", "ORIGINATED", "SETTLED", "PARTIALLY_SETTLED", "ERROR", "DECLINED"),
    *("NSF_DECLINED", "REJECTED", "FAILED", "VERIFYING", "RETURNED", "TECHNICAL_ERROR"),
)
_RULES: Final = frozenset({"off", "avs", "csc", "avs_or_csc"})
_SHOWN_ON_PAGE: Final = 200
_PAGE: Final = jinja2.Environment(autoescape=True).from_string((Path(__file__).parent / "page.html").read_text("utf-8"))


def routes(merchant: Merchant, faults: Faults, hooks: Hooks) -> list[Route]:
    """Return the admin paths of one sandbox."""
    face = AdminFace(merchant, faults, hooks)
    return [
        Route(f"{ADMIN_PREFIX}/", face.page, methods=["GET"]),
        Route(f"{ADMIN_PREFIX}/health", face.health, methods=["GET"]),
        Route(f"{ADMIN_PREFIX}/books", face.books, methods=["GET"]),
        Route(f"{ADMIN_PREFIX}/clock", face.clock, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/settle", face.settle, methods=["POST"]),
        Route(f"{ADMIN_PREFIX}/ach", face.ach, methods=["POST"]),
        Route(f"{ADMIN_PREFIX}/rules", face.rules, methods=["POST"]),
        Route(f"{ADMIN_PREFIX}/hooks", face.hooks, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/faults", face.faults, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/struck", face.struck, methods=["GET"]),
        Route(f"{ADMIN_PREFIX}/reset", face.reset, methods=["POST"]),
    ]


class AdminFace:
    """The admin requests."""

    def __init__(self, merchant: Merchant, faults: Faults, hooks: Hooks) -> None:
        self._merchant = merchant
        self._faults = faults
        self._hooks = hooks

    async def health(self, request: Request) -> Response:
        """Return whether the sandbox serves."""
        return _json({"ok": True})

    async def books(self, request: Request) -> Response:
        """Return every charge: id, kind, state, amount_minor, invoice, customer, refund_of, batch, clock times."""
        self._merchant.catch_up(at_once=True)
        return _json(self._entries())

    def _entries(self) -> list[dict[str, Any]]:
        cards = [card_entry(row) for row in self._merchant.cards.all()]
        return cards + [bank_entry(row) for row in self._merchant.bank.all()]

    async def clock(self, request: Request) -> Response:
        """Read or move the sandbox clock: {"advance_s": n} or {"now": "2026-11-24T20:00:00-08:00"}."""
        if request.method == "POST":
            fields = await _fields(request)
            advance_s, now = fields.get("advance_s"), fields.get("now")
            if advance_s is None and now is None:
                return _refuse("expected advance_s or now")
            try:
                instant = None if now is None else datetime.fromisoformat(str(now))
                if instant is not None and instant.tzinfo is None:
                    instant = instant.replace(tzinfo=self._merchant.settings.zone)
                self._merchant.store.move_clock(advance_s=None if advance_s is None else float(advance_s), to=instant)
            except (ValueError, TypeError, OverflowError) as error:
                return _refuse(f"clock: {error}")
        self._merchant.catch_up(at_once=True)
        return _json({"now": from_us(self._merchant.store.now_us()).isoformat()})

    async def settle(self, request: Request) -> Response:
        """Close the open batch now."""
        self._merchant.catch_up(at_once=True)
        row = self._merchant.settle(self._merchant.store.now_us())
        return _json({"batch": None if row is None else self._merchant.rows.batch(row)})

    async def ach(self, request: Request) -> Response:
        """Put a bank debit into a status: {"transaction_id", "status", "return_code"}."""
        fields = await _fields(request)
        status = str(fields.get("status", "")).upper()
        if status not in ACH_STATUSES:
            return _refuse(f"status: expected one of {', '.join(ACH_STATUSES)}")
        code = fields.get("return_code")
        try:
            row = self._merchant.bank.force(
                str(fields.get("transaction_id", "")), status, None if code is None else str(code)
            )
        except Rejected:
            return _refuse("transaction_id: not in the books", status=404)
        return _json(bank_entry(row))

    async def rules(self, request: Request) -> Response:
        """Set the account's auto-void rule: {"auto_void_rule": "off"|"avs"|"csc"|"avs_or_csc"}; durable."""
        rule = str((await _fields(request)).get("auto_void_rule", ""))
        if rule not in _RULES:
            return _refuse(f"auto_void_rule: expected one of {', '.join(sorted(_RULES))}")
        self._merchant.store.write_meta("auto_void_rule", rule)
        return _json({"auto_void_rule": rule})

    async def faults(self, request: Request) -> Response:
        """Show or switch faults, see faults.py; "expire_tokens": true makes every token invalid at once."""
        if request.method == "POST":
            fields = await _fields(request)
            try:
                self._faults.set(fields)
            except (ValueError, TypeError) as error:
                return _refuse(str(error))
            if fields.get("expire_tokens"):
                self._merchant.expire_tokens()
        return _json(self._faults.show())

    async def struck(self, request: Request) -> Response:
        """Return how often each fault has struck since this process began; a fault that never did is not named."""
        return _json(dict(self._faults.struck))

    async def hooks(self, request: Request) -> Response:
        """Show or set where changes are reported: {"url", "secret", "silent_post_url"}; {} ends it."""
        if request.method == "POST":
            try:
                self._hooks.configure(await _fields(request))
            except ValueError as error:
                return _refuse(str(error))
        return _json(self._hooks.show())

    async def reset(self, request: Request) -> Response:
        """Empty the books and the vault, drop hooks that wait, switch every fault off; clock, rules and ids go on."""
        self._merchant.store.clear()
        self._faults.set({"clear": True})
        return _json({"ok": True})

    async def page(self, request: Request) -> Response:
        """Return the books for people."""
        self._merchant.catch_up(at_once=True)
        entries = self._entries()
        totals = Counter[tuple[str, str]]()
        counts = Counter[tuple[str, str]]()
        for entry in entries:
            totals[entry["kind"], entry["state"]] += entry["amount_minor"]
            counts[entry["kind"], entry["state"]] += 1
        summary = [
            {"kind": kind, "state": state, "count": counts[kind, state], "amount": _dollars(totals[kind, state])}
            for kind, state in sorted(totals)
        ]
        newest = sorted(entries, key=lambda entry: entry["created_at"], reverse=True)[:_SHOWN_ON_PAGE]
        html = _PAGE.render(
            now=from_us(self._merchant.store.now_us()).astimezone(self._merchant.settings.zone),
            utc=utc_now(),
            summary=summary,
            charges=[{**entry, "amount": _dollars(entry["amount_minor"])} for entry in newest],
            batches=[self._merchant.rows.batch(row) for row in self._merchant.cards.latest_batches(20)],
            faults=self._faults.show(),
            total=len(entries),
        )
        return HTMLResponse(html, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


def _dollars(amount_minor: int) -> str:
    return f"{to_dollars(amount_minor):,.2f}"


async def _fields(request: Request) -> dict[str, Any]:
    try:
        fields = formats.decode(await request.body() or b"{}")
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _json(body: object) -> Response:
    return Response(formats.encode(body), media_type="application/json")


def _refuse(reason: str, *, status: int = 400) -> Response:
    return Response(formats.encode({"error": reason}), status, media_type="application/json")
