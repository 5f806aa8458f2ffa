"""The network between our processes and the two other sides: each request meets a fate that the seed draws.

The other sides are the sandboxes' own ASGI apps, called here without a socket. A request that was sent is served
whatever becomes of whoever sent it: its answer may be lost, come late, or meet a process that is dead or paused.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.simulator.loop import SimLoop
from tests.simulator.trace import Trace

# Status, headers and body.
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
_PAGE = b"<html><body>Service Unavailable</body></html>"


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the way to the other sides is. Shares of requests; slowest_s is the longest delay of a slow one.

    Every delay stays below what the sinks are told to wait for (outcome_wait_s): that bound is what they rest on.
    """

    refused: float = 0.0
    request_lost: float = 0.0
    answer_lost: float = 0.0
    page: float = 0.0
    throttled: float = 0.0
    slow: float = 0.0
    slowest_s: float = 0.0


CALM = Weather()


class Side:
    """One other side: an ASGI app in a process of its own."""

    def __init__(self, loop: SimLoop, rng: random.Random, name: str, app: Any, trace: Trace) -> None:
        self.loop = loop
        self.rng = rng
        self.name = name
        self.app = app
        self.trace = trace
        self.process = loop.new_process(name)
        self.weather = CALM
        self.struck: dict[str, int] = {}

    def transport(self, *, reliable: bool = False) -> SideTransport:
        """The way to it for one client; a reliable one is for the people and tills of the story."""
        return SideTransport(self, reliable=reliable)

    def draw(self) -> str:
        """The fate of the next request."""
        drawn, weather = self.rng.random(), self.weather
        for fate in ("refused", "request_lost", "answer_lost", "page", "throttled", "slow"):
            share: float = getattr(weather, fate)
            if drawn < share:
                self.struck[fate] = self.struck.get(fate, 0) + 1
                return fate
            drawn -= share
        return ""


class SideTransport(httpx2.AsyncBaseTransport):
    """Takes the place of the network for one HTTP client."""

    def __init__(self, side: Side, *, reliable: bool) -> None:
        self._side = side
        self._is_reliable = reliable

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request through the weather."""
        side = self._side
        body = await request.aread()
        if self._is_reliable:
            status, headers, content = await self._served(request, body, 0.0)
            return httpx2.Response(status, headers=headers, content=content, request=request)
        fate = side.draw()
        timeout_s = float(request.extensions.get("timeout", {}).get("read") or 60.0)
        await asyncio.sleep(side.rng.random() * 0.02)
        if fate:
            side.trace.say(f"net   {side.name} {request.method} {request.url.path} {fate}")
        if fate == "refused":
            raise httpx2.ConnectError("connection refused", request=request)
        if fate in ("page", "throttled"):
            kind = {"content-type": "text/html"}
            return httpx2.Response(503 if fate == "page" else 429, headers=kind, content=_PAGE, request=request)
        if fate == "request_lost":
            await self._silence(request, timeout_s)
        delay_s = side.rng.random() * (side.weather.slowest_s if fate == "slow" else 0.02)
        serving = asyncio.ensure_future(self._served(request, body, delay_s))
        if fate == "answer_lost":
            # It is served in any case; here nobody hears of it.
            await self._silence(request, timeout_s)
        try:
            status, headers, content = await asyncio.wait_for(asyncio.shield(serving), timeout_s)
        except TimeoutError:
            raise httpx2.ReadTimeout("no answer in time", request=request) from None
        await asyncio.sleep(side.rng.random() * 0.01)
        return httpx2.Response(status, headers=headers, content=content, request=request)

    async def _silence(self, request: httpx2.Request, timeout_s: float) -> None:
        """Nothing comes: the connection breaks soon, or the client's own patience ends."""
        if self._side.rng.random() < 0.5:
            await asyncio.sleep(self._side.rng.random() * min(1.0, timeout_s))
            raise httpx2.RemoteProtocolError("the connection broke", request=request)
        await asyncio.sleep(timeout_s)
        raise httpx2.ReadTimeout("no answer in time", request=request)

    def _served(self, request: httpx2.Request, body: bytes, delay_s: float) -> asyncio.Future[Answer]:
        """Hand the request to the other side's process; what comes of it does not depend on ours."""
        side = self._side
        answer: asyncio.Future[Answer] = side.loop.create_future()
        ours = self._context()

        def deliver(found: Answer) -> None:
            if not answer.done():
                answer.set_result(found)

        async def serve() -> None:
            if delay_s:
                await asyncio.sleep(delay_s)
            found = await _call(side.app, request, body)
            side.trace.say(f"http  {side.name} {request.method} {request.url.path} {found[0]}")
            side.loop.call_soon(deliver, found, context=ours)

        side.loop.spawn(side.process, serve())
        return answer

    @staticmethod
    def _context() -> contextvars.Context:
        return contextvars.copy_context()


async def _call(app: Any, request: httpx2.Request, body: bytes) -> Answer:
    """One ASGI exchange."""
    sent = False
    status, headers, parts = 0, [], []

    async def receive() -> Mapping[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.get_running_loop().create_future()  # the client stays until the answer is whole
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = int(message["status"]), list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            parts.append(bytes(message.get("body", b"")))

    url = request.url
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": (url.host, url.port or 80),
    }
    await app(scope, receive, send)
    return status, headers, b"".join(parts)
