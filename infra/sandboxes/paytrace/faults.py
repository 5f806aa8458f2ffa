"""Faults on demand: what a network, a gateway and a bad day do to a client, switched by the admin endpoint.

A rule says how often (count: the next n requests; share: that part of them) and where (path prefix). Faults sit
in front of the sandbox as ASGI middleware, so that the sandbox itself stays honest; those about rows and pages are
looked up where they are written. They are not durable: a
restarted sandbox is a healthy one.

clock_skew lets a request meet a clock that is that many seconds ahead, or behind when negative. Restricted to a charge
path it makes transactions that were created weeks before anybody sees them, or that will be created in days.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.sandboxes.common.books import MICROS, SKEW_US
from schemas.values.clock import monotonic_s

ADMIN_PREFIX: Final = "/_sandbox"
NAMES: Final = (
    "latency",
    "latency_after",
    "http_503",
    "html_page",
    "cut_before",
    "cut_after",
    "wrong_content_type",
    "rate_limit",
    "accepted_422",
    "clock_skew",
    "odd_status",
    "amount_text",
    "amount_unclear",
    "void_after_103",
    "page_skips",
    "page_repeats",
    "batch_number_repeats",
    "hook_lost",
    "hook_late",
    "hook_duplicated",
    "hook_reordered",
    "hook_clock_skew",
)
# Faults whose plain number means seconds; for the others it is a count.
_TIMED: Final = frozenset({"latency", "latency_after", "clock_skew", "hook_late", "hook_clock_skew"})
_RULE_PARTS: Final = frozenset({"share", "count", "path", "seconds", "retry_after_s", "retry_after", "for_s"})
_UNAVAILABLE_PAGE: Final = (
    b"<html><head><title>Service Unavailable</title></head><body>Service Unavailable</body></html>"
)
_BLOCKED_PAGE: Final = b"<html><head><title>Request blocked</title></head><body>Your request was blocked.</body></html>"


@dataclass(slots=True)
class Rule:
    """When a fault strikes. left is None when share alone decides; seconds is latency.

    until_s is the monotonic second at which it ends by itself; retry_after is the header's text, of 429 and 503.
    """

    share: float = 1.0
    left: int | None = None
    path: str = "/"
    seconds: float = 0.0
    until_s: float = float("inf")
    retry_after: str | None = None


class Faults:
    """The switches."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        # How often each fault has struck since the process began, whatever is switched on now.
        self.struck: Counter[str] = Counter()
        self._rng = random.Random(0)  # noqa: S311 -- repeatable faults, no secret

    def set(self, wanted: Mapping[str, Any]) -> None:
        """Switch faults: {"http_503": {"count": 3, "path": "/v1/transactions"}, "latency_s": 0.2, ...}.

        A rule of null or false switches that fault off, "clear": true all of them, "seed" fixes the random numbers.
        Raises: ValueError naming what is not known.
        """
        if wanted.get("clear"):
            self._rules.clear()
        for key, value in wanted.items():
            name = key.removesuffix("_s")
            if key in {"clear", "expire_tokens"}:
                continue
            if key == "seed":
                self._rng.seed(int(value))
            elif name not in NAMES:
                raise ValueError(f"no such fault: {key}; known are {', '.join(NAMES)}")
            elif value in (None, False, 0):
                self._rules.pop(name, None)
            else:
                try:
                    self._rules[name] = _read_rule(name, value)
                except (ValueError, TypeError) as error:
                    raise ValueError(f"{name}: {error}") from error

    def show(self) -> dict[str, dict[str, Any]]:
        """Return what is switched on."""
        return {
            name: {
                "share": rule.share,
                "count": rule.left,
                "path": rule.path,
                "seconds": rule.seconds,
                "retry_after": rule.retry_after,
            }
            for name, rule in self._rules.items()
            if monotonic_s() < rule.until_s
        }

    def strikes(self, name: str, path: str) -> Rule | None:
        """Return the rule when this fault hits this request, which uses up one of its count; else None."""
        rule = self._rules.get(name)
        if rule is None or not path.startswith(rule.path) or monotonic_s() >= rule.until_s:
            return None
        if rule.share < 1.0 and self._rng.random() >= rule.share:
            return None
        if rule.left is not None:
            rule.left -= 1
            if rule.left <= 0:
                del self._rules[name]
        self.struck[name] += 1
        return rule

    def place(self, name: str, identity: int | str) -> int | None:
        """Return a number of this row while a fault of rows is on and hits it, else None.

        The same for as long as it is on.

        Of such a fault share counts, by the row: it says the same in every export.
        """
        number = self._place(name, identity)
        if number is not None:
            self.struck[name] += 1
        return number

    def concerns(self, name: str, identity: int | str) -> bool:
        """Return whether a fault of rows is on and hits this one; asking is no strike."""
        return self._place(name, identity) is not None

    def _place(self, name: str, identity: int | str) -> int | None:
        rule = self._rules.get(name)
        if rule is None:
            return None
        number = identity if isinstance(identity, int) else zlib.crc32(identity.encode())
        # 7919 is a prime that spreads neighbouring numbers over the thousand.
        return number if number * 7919 % 1000 < rule.share * 1000 else None


def _read_rule(name: str, value: object) -> Rule:
    if value is True:
        return Rule()
    if isinstance(value, int | float):
        if name not in _TIMED:
            return Rule(left=int(value))
        return Rule(seconds=float(value))
    if not isinstance(value, Mapping):
        raise ValueError("expected an object, a number or true")
    unknown = set(value) - _RULE_PARTS
    if unknown:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(_RULE_PARTS))}")
    count = value.get("count")
    return Rule(
        share=float(value.get("share", 1.0)),
        left=None if count is None else int(count),
        path=str(value.get("path", "/")),
        seconds=float(value.get("seconds", 0.0)),
        until_s=monotonic_s() + float(value.get("for_s", "inf")),
        retry_after=_header_text(value.get("retry_after", value.get("retry_after_s"))),
    )


def _header_text(value: object) -> str | None:
    """Return any text goes into the header as it is, so that a client meets what no server should send."""
    return None if value is None else str(value)


def _asking(rule: Rule) -> list[tuple[bytes, bytes]]:
    return [] if rule.retry_after is None else [(b"retry-after", rule.retry_after.encode("latin-1", "replace"))]


class FaultLayer:
    """ASGI middleware that lets faults strike before or after the sandbox has acted."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, perhaps badly."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith(ADMIN_PREFIX):
            await self._app(scope, receive, send)
            return
        strikes = self._faults.strikes
        if (rule := strikes("clock_skew", path)) is not None:
            skew = SKEW_US.set(int(rule.seconds * MICROS))
            try:
                await self._answer_badly(receive, send, scope, path)
            finally:
                SKEW_US.reset(skew)
        else:
            await self._answer_badly(receive, send, scope, path)

    async def _answer_badly(self, receive: Receive, send: Send, scope: Scope, path: str) -> None:
        strikes = self._faults.strikes
        if (rule := strikes("latency", path)) is not None:
            await asyncio.sleep(rule.seconds)
        if strikes("cut_before", path) is not None:
            await _cut(receive)
        elif (rule := strikes("rate_limit", path)) is not None:
            await _answer(send, 429, b'{"error":"rate_limited"}', b"application/json", _asking(rule))
        elif (rule := strikes("http_503", path)) is not None:
            await _answer(send, 503, _UNAVAILABLE_PAGE, b"text/html", _asking(rule))
        elif strikes("html_page", path) is not None:
            await _answer(send, 200, _BLOCKED_PAGE, b"text/html")
        else:
            await self._serve(scope, receive, send, path)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        strikes = self._faults.strikes
        if strikes("cut_after", path) is not None:
            await self._app(scope, receive, _swallow)
            await _cut(receive)
        elif strikes("accepted_422", path) is not None:
            await self._app(scope, receive, _swallow)
            body = b'{"data":[{"field":"path/record_id","detail":"value is not a valid uuid"}]}'
            await _answer(send, 422, body, b"application/json")
        elif strikes("wrong_content_type", path) is not None:
            await self._app(scope, receive, _retype(send))
        elif (rule := strikes("latency_after", path)) is not None:
            seconds = rule.seconds

            async def late(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await asyncio.sleep(seconds)
                await send(message)

            await self._app(scope, receive, late)
        else:
            await self._app(scope, receive, send)


async def _swallow(message: Message) -> None:
    """Swallow an answer."""


def _retype(send: Send) -> Send:
    async def retyped(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if name.lower() != b"content-type"]
            message = {**message, "headers": [*kept, (b"content-type", b"text/html; charset=utf-8")]}
        await send(message)

    return retyped


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    length = str(len(body)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", content_type), (b"content-length", length), *(headers or [])],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def _cut(receive: Receive) -> None:
    """Cut the connection without a byte of an answer.

    ASGI has no word for that, so this reaches for the transport of uvicorn's request cycle, to which receive is
    bound; another server gets an exception, which it answers with 500.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionAbortedError("this server hides its connection")
    transport.abort()
    # The loop closes the transport in its next turns; until then the server would answer 500 for us.
    while (await receive())["type"] != "http.disconnect":
        pass
