"""The way in for shops' webhooks, which are never sent twice and whose senders are switched off by refusals.

So nothing is refused but a wrong signature: a ping, a repeat, a foreign topic, a body that is too large and a broker
that is away are answered with 200. What is lost by that, the poll finds: a webhook is a hint and no fact. Nothing of a
request is kept but the order's id, its topic and the mark of its delivery, so the card guard has nothing to look for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.ingress import metrics
from app.ingress.delivery import Delivery
from app.ingress.limits import read_body
from app.ingress.problems import Problem, unauthorized
from streams.edges.ports import ShopHookReader

logger = logging.getLogger(__name__)

SHOP_HOOK: Final = "/hooks/shop/"
WAY: Final = "shop-hook"
# An order of three hundred lines has half a megabyte. With eight at once, strangers can claim 32 MiB; others wait.
MOST_BYTES: Final = 4 * 1024 * 1024
_AT_ONCE: Final = 8


class ShopHooks:
    """The webhooks of every shop, by its label in the path."""

    def __init__(
        self,
        readers: Mapping[str, ShopHookReader],
        delivery: Delivery,
        *,
        body_timeout_s: float,
        now: Callable[[], datetime],
    ) -> None:
        self._readers = readers
        self._delivery = delivery
        self._body_timeout_s = body_timeout_s
        self._now = now
        self._seats = asyncio.Semaphore(_AT_ONCE)

    def knows(self, path: str) -> bool:
        """Return whether a path is the way in of a shop."""
        return path.startswith(SHOP_HOOK) and path.removeprefix(SHOP_HOOK) in self._readers

    async def answer(self, request: Request) -> Response:
        """Publish the hint of a webhook. Raises: Problem 401 for one that the shop did not sign."""
        shop = request.url.path.removeprefix(SHOP_HOOK)
        async with self._seats:
            try:
                body = await read_body(request, MOST_BYTES, self._body_timeout_s)
            except Problem as problem:
                return self._lost(shop, problem)
            hints = self._readers[shop].hinted(request.headers, body, self._now())
        if hints is None:
            remedy = "the signature of the body with the secret that both sides know"
            raise unauthorized("bad-signature", "x-wc-webhook-signature", remedy, "WooCommerce")
        if hints:
            try:
                await self._delivery.publish(hints)
            except Problem as problem:
                return self._lost(shop, problem)
        metrics.RECORDS.labels(WAY).inc(len(hints))
        logger.info("taken", extra={"way": WAY, "shop": shop, "orders": [hint.order_id for hint in hints]})
        return Response(status_code=200)

    def _lost(self, shop: str, problem: Problem) -> Response:
        logger.warning("hint of a shop lost; the poll finds it", extra={"shop": shop, "code": problem.code})
        return Response(status_code=200, headers={"Connection": "close"})
