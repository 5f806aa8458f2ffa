"""Limits on what strangers may take of us: requests per second, requests at once, bytes, and seconds."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.requests import Request

from app.ingress.problems import FieldError, Problem, away, malformed

# An address needs about 100 bytes here, so the table stays below 2 MB however many there are.
MOST_ADDRESSES: Final = 10_000


class RateLimit:
    """A bucket of tokens per sender (address, user, key): it holds burst, and rate_per_s flow in."""

    def __init__(self, rate_per_s: float, burst: int, now: Callable[[], float]) -> None:
        """Take the limits; now gives monotonic seconds."""
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> None:
        """Take one token; raises Problem (429) saying when the next one is there."""
        now = self._now()
        tokens, at = self._buckets.pop(address, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - at) * self._rate_per_s)
        if tokens >= 1:
            self._buckets[address] = (tokens - 1, now)
        else:
            self._buckets[address] = (tokens, now)
        if len(self._buckets) > MOST_ADDRESSES:
            # Whoever was quiet longest has a full bucket, or nearly so.
            self._buckets.popitem(last=False)
        if tokens < 1:
            wait_s = max(1, math.ceil((1 - tokens) / self._rate_per_s))
            raise Problem(
                429,
                "too-many-requests",
                "Requests come too fast.",
                FieldError("", f"wait {wait_s} s"),
                retry_after_s=wait_s,
            )


class Crowd:
    """How many requests are worked on at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Be one of them; raises Problem (503) when it is full."""
        if self._inside >= self._most:
            raise away("busy", "Too many requests are being worked on.", 1)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1


async def read_body(request: Request, most_bytes: int, timeout_s: float) -> bytes:
    """Return the whole body, never holding more than most_bytes and one chunk of it.

    Raises: Problem 413 as soon as it is too large, announced or real; 408 when it does not arrive in time;
            starlette's ClientDisconnect when the sender goes away.
    """
    announced = request.headers.get("content-length")
    if announced is not None and int(announced) > most_bytes:  # h11 lets only digits through
        raise _too_large(most_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise _too_large(most_bytes)
    except TimeoutError:
        raise Problem(
            408,
            "slow-body",
            "The body did not arrive in time.",
            FieldError("body", f"send it within {timeout_s:g} s"),
        ) from None
    if not body:
        raise malformed("The body is empty.", "body", "send a body")
    return bytes(body)


def _too_large(most_bytes: int) -> Problem:
    return Problem(
        413,
        "body-too-large",
        "The body is too large.",
        FieldError("body", f"send {most_bytes} bytes or less"),
    )
