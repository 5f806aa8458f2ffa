"""Tells open pages that the read side has moved on, so that new rows appear without a reload (server-sent events).

One look at the read side's positions serves everybody who listens; a listener holds no thread. A stream lasts some
seconds and the browser begins the next one by itself, with the mark that it heard last: so nothing between the two is
missed, a page that is gone leaves nothing, and an end of the process waits for nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from schemas.failures import SaldoError

_LOOK_EVERY_S: Final = 1.0
LASTS_S: Final = 10.0
_RETRY_MS: Final = 1_000
_MOST_LISTENERS: Final = 500


class Live:
    """The streams of one workbench; position says how far the read side has come, in any words."""

    def __init__(self, position: Callable[[], str], *, lasts_s: float = LASTS_S) -> None:
        self._position = position
        self._lasts_s = lasts_s
        self._looking = asyncio.Lock()
        self._known: tuple[float, str] = (float("-inf"), "")
        self.listener_count = 0

    async def answer(self, request: Request) -> Response:
        """Return a stream of marks, each when the read side has moved; 204 where too many listen, which ends it."""
        if self.listener_count >= _MOST_LISTENERS:
            return Response(status_code=204)
        heard = request.headers.get("last-event-id", "")
        return StreamingResponse(self._marks(heard), media_type="text/event-stream")

    async def _marks(self, heard: str) -> AsyncIterator[bytes]:
        self.listener_count += 1
        try:
            end = time.monotonic() + self._lasts_s
            yield b"retry: %d\n\n" % _RETRY_MS
            while time.monotonic() < end:
                mark = await self._mark()
                if not mark:
                    return
                if mark != heard:
                    # Who begins to listen learns where it stands; the page it has is of now.
                    event = b"moved" if heard else b"here"
                    yield b"event: %s\nid: %s\ndata: %s\n\n" % (event, mark.encode(), mark.encode())
                    heard = mark
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            self.listener_count -= 1

    async def _mark(self) -> str:
        """Return a mark of the position, a second old at most; empty where the read side does not answer."""
        async with self._looking:
            at, mark = self._known
            if time.monotonic() - at >= _LOOK_EVERY_S:
                try:
                    position = await run_in_threadpool(self._position)
                    mark = hashlib.sha256(position.encode()).hexdigest()[:16]
                except (SaldoError, OSError):
                    mark = ""
                self._known = time.monotonic(), mark
            return mark
