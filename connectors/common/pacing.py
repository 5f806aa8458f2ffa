"""How fast another side is asked: so many requests at once, so many begun per second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas.values.clock import monotonic_s


class Pacer:
    """Lets at most so many requests run at once and start per second, so that we stay a polite guest."""

    def __init__(self, *, max_concurrent: int, max_per_s: float) -> None:
        self._slots = asyncio.Semaphore(max_concurrent)
        self._gap_s = 1.0 / max_per_s
        self._next_start_s = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for our turn and hold the slot for as long as the block runs."""
        async with self._slots:
            now_s = monotonic_s()
            start_s = max(now_s, self._next_start_s)
            self._next_start_s = start_s + self._gap_s
            if start_s > now_s:
                await asyncio.sleep(start_s - now_s)
            yield
