"""Faults on demand: what networks, hosts, caches, plugins and hooks do to a client, switched through /_sandbox/faults.

A rule says how often (count: the next n; share: that part of them) and where (path prefix below /wp-json/wc/v3). A
restarted shop is a healthy one.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ADMIN_PREFIX: Final = "/_sandbox"
_TIMED: Final = frozenset({"latency", "slow_body", "hook_late"})
# In front of the shop: a request meets the first of these that is on.
_FRONT: Final = (
    *("latency", "cut_before", "rate_limit", "maintenance", "bad_gateway", "waf", "js_wall", "login_page"),
    *("redirect", "blocked_method", "key_revoked", "other_route", "stale_list"),
)
_BEHIND: Final = ("cut_after", "cut_middle", "slow_body", "html_comment", "php_warning", "bom", "no_paging_headers")
_DATA: Final = (
    *("money_as_number", "null_for_list", "list_for_map", "unknown_status", "unknown_currency", "html_in_names"),
    *("total_off", "date_null", "big_meta", "four_byte_text", "page_shift"),
)
_HOOKS: Final = (
    *("hook_lost", "hook_late", "hook_duplicated", "hook_reordered", "hook_bad_signature", "hook_reencoded"),
    *("hook_error_object", "hook_other_shop", "hook_stalled"),
)
NAMES: Final = (*_FRONT, *_BEHIND, *_DATA, *_HOOKS)
_PAGES: Final = {
    "maintenance": (503, b"<html><body>Briefly unavailable for scheduled maintenance.</body></html>"),
    "bad_gateway": (520, b"<html><body>Web server returned an unknown error</body></html>"),
    "waf": (403, b"<html><body>Sorry, you have been blocked</body></html>"),
    "js_wall": (200, b"<html><script>document.cookie='ok=1';location.reload()</script></html>"),
    "login_page": (200, b"<!DOCTYPE html><html><body><form id='loginform'></form></body></html>"),
    "blocked_method": (501, b"<html><body>Method not implemented</body></html>"),
}
_REVOKED: Final = (
    b'{"code":"woocommerce_rest_cannot_view","message":"Sorry, you cannot list resources.","data":{"status":401}}'
)


@dataclass(slots=True)
class Rule:
    """When a fault strikes. left is None when share alone decides."""

    share: float = 1.0
    left: int | None = None
    path: str = ""
    seconds: float = 0.0
    retry_after: str | None = None


class Faults:
    """The switches."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self.struck: Counter[str] = Counter()
        self._rng = random.Random(0)  # noqa: S311 -- repeatable faults, no secret

    def set(self, wanted: Mapping[str, Any]) -> None:
        """Switch faults: {"maintenance": {"count": 3, "path": "/orders"}, "latency_s": 0.2, "clear": true}.

        Raises: ValueError naming what is not known.
        """
        if wanted.get("clear"):
            self._rules.clear()
        for key, value in wanted.items():
            name = key.removesuffix("_s")
            if key == "clear":
                continue
            if name not in NAMES:
                raise ValueError(f"no such fault: {key}; known are {', '.join(NAMES)}")
            if value in (None, False, 0):
                self._rules.pop(name, None)
            else:
                self._rules[name] = _rule(name, value)

    def show(self) -> dict[str, dict[str, Any]]:
        """Return what is switched on."""
        return {
            name: {"share": rule.share, "count": rule.left, "path": rule.path, "seconds": rule.seconds}
            for name, rule in self._rules.items()
        }

    def strikes(self, name: str, path: str = "") -> Rule | None:
        """Return the rule when this fault hits now, which uses up one of its count; else None."""
        rule = self._rules.get(name)
        if rule is None or not path.startswith(rule.path):
            return None
        if rule.share < 1.0 and self._rng.random() >= rule.share:
            return None
        if rule.left is not None:
            rule.left -= 1
            if rule.left <= 0:
                del self._rules[name]
        self.struck[name] += 1
        return rule


def _rule(name: str, value: object) -> Rule:
    if value is True:
        return Rule()
    if isinstance(value, int | float):
        return Rule(seconds=float(value)) if name in _TIMED else Rule(left=int(value))
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: expected an object, a number or true")
    unknown = set(value) - {"share", "count", "path", "seconds", "retry_after"}
    if unknown:
        raise ValueError(f"{name}: unknown {', '.join(sorted(unknown))}")
    count, retry_after = value.get("count"), value.get("retry_after")
    return Rule(
        share=float(value.get("share", 1.0)),
        left=None if count is None else int(count),
        path=str(value.get("path", "")),
        seconds=float(value.get("seconds", 0.0)),
        retry_after=None if retry_after is None else str(retry_after),
    )


class FaultLayer:
    """ASGI middleware that lets faults strike before or after the shop has acted."""

    def __init__(self, app: ASGIApp, faults: Faults, base: str) -> None:
        self._app = app
        self._faults = faults
        self._base = base
        self._last_list: tuple[list[tuple[bytes, bytes]], bytes] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, perhaps badly."""
        path = scope.get("path", "").removeprefix(self._base)
        if scope["type"] != "http" or path.startswith(ADMIN_PREFIX):
            await self._app(scope, receive, send)
            return
        for name in _FRONT:
            rule = self._faults.strikes(name, path)
            if rule is None:
                continue
            if name == "latency":
                await asyncio.sleep(rule.seconds)
            elif name == "cut_before":
                await _cut(receive)
                return
            elif name == "stale_list" and self._last_list is not None:
                await _answer(send, 200, self._last_list[1], self._last_list[0])
                return
            elif name in _PAGES or name in {"rate_limit", "key_revoked", "redirect", "other_route"}:
                await _refuse(send, name, rule)
                return
        await self._serve(scope, receive, send, path)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        status, headers, body = await self._whole(scope, receive)
        strikes = self._faults.strikes
        if strikes("cut_after", path) is not None:
            await _cut(receive)
            return
        if path == "/orders" and status == 200:
            self._last_list = headers, body
        if strikes("no_paging_headers", path) is not None:
            headers = [(name, value) for name, value in headers if not name.lower().startswith(b"x-wp-")]
        if strikes("html_comment", path) is not None:
            body += b"\n<!-- Dynamic page generated in 0.3 seconds. -->"
        if strikes("php_warning", path) is not None:
            body = b"<br />\n<b>Warning</b>: Undefined array key 7 in <b>/wp/plugins/x.php</b><br />\n" + body
        if strikes("bom", path) is not None:
            body = b"\xef\xbb\xbf" + body
        slow = strikes("slow_body", path)
        half = len(body) // 2
        if strikes("cut_middle", path) is not None:
            await send({"type": "http.response.start", "status": status, "headers": _sized(headers, len(body))})
            await send({"type": "http.response.body", "body": body[:half], "more_body": True})
            await _cut(receive)
            return
        await send({"type": "http.response.start", "status": status, "headers": _sized(headers, len(body))})
        if slow is not None:
            await send({"type": "http.response.body", "body": body[:half], "more_body": True})
            await asyncio.sleep(slow.seconds)
            body = body[half:]
        await send({"type": "http.response.body", "body": body})

    async def _whole(self, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Let the shop act, and return its answer."""
        status, headers, body = 500, list[tuple[bytes, bytes]](), bytearray()

        async def keep(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, keep)
        return status, headers, bytes(body)


def _sized(headers: list[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return [*kept, (b"content-length", str(size).encode())]


async def _refuse(send: Send, name: str, rule: Rule) -> None:
    html = (b"content-type", b"text/html; charset=UTF-8")
    json_type = (b"content-type", b"application/json; charset=UTF-8")
    asks = [] if rule.retry_after is None else [(b"retry-after", rule.retry_after.encode("latin-1", "replace"))]
    match name:
        case "rate_limit":
            await _answer(send, 429, b"Too Many Requests", [html, *asks])
        case "key_revoked":
            await _answer(send, 401, _REVOKED, [json_type])
        case "redirect":
            await _answer(send, 301, b"", [(b"location", b"https://www.shop.example/")])
        case "other_route":
            await _answer(send, 200, b'{"namespace":"wc/v3","routes":{}}', [json_type])
        case _:
            status, page = _PAGES[name]
            await _answer(send, status, page, [html, *asks])


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _sized(headers, len(body))})
    await send({"type": "http.response.body", "body": body})


async def _cut(receive: Receive) -> None:
    """Cut the connection; ASGI has no word for that, so this reaches for the transport of uvicorn's request cycle."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionAbortedError("this server hides its connection")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
