"""Reads one shop: hints of hooks at once, what changed every few minutes, and what is recent every night.

Decides when to ask for what. A hook is believed in nothing: its order is read again. A time of change has holes both
ways, so contents are compared (the source runner does) and a sweep reads recent orders whatever their times say. Hints,
polls and sweeps run one after the other, so that no older answer is published behind a newer one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from connectors.shop.ports import ShopOrder, ShopReader
from connectors.shop.settings import ShopSettings
from schemas.failures import Unreadable
from schemas.records import Record
from schemas.records.orders import (
    OrderGoneObserved,
    OrderStatus,
    ShopHooksObserved,
    ShopHooksStatus,
    ShopRefundGoneObserved,
    ShopSeenBy,
)
from schemas.values.clock import utc_now

Observation = tuple[str, tuple[Record, ...]]
POLLED: Final = "polled"
SWEPT: Final = "swept"
_UNSEEN: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Memory(Protocol):
    """What was published before, and how far each piece of work got (app/sources/polling.py)."""

    @property
    def subjects(self) -> Iterable[str]:
        """Names of everything that was published."""
        ...

    def position_of(self, name: str) -> str:
        """Return the mark of this name; empty when there is none."""
        ...

    async def mark(self, name: str, position: str) -> None:
        """Set a mark; on return it is durable."""
        ...


class ShopSource:
    """One shop as a source of observations."""

    name = "shop"

    def __init__(
        self,
        reader: ShopReader,
        settings: ShopSettings,
        memory: Memory,
        hints: Callable[[], Awaitable[Sequence[str]]],
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`hints` returns the ids of orders that hooks named since it was last asked."""
        self._reader = reader
        self._settings = settings
        self._shop = settings.label
        self._memory = memory
        self._hints = hints
        self._now = now
        self._known: dict[str, set[str]] | None = None
        self._to_mark: list[tuple[str, datetime]] = []
        self._products_since: datetime | None = None
        self._last_window: dict[str, ShopOrder] | None = None
        self._hinted: dict[str, datetime] = {}
        self._unhinted_since: datetime | None = None

    async def poll(self) -> AsyncIterator[Observation]:
        """Yield what hints name, and what a poll and a sweep show where they are due.

        Ensures: a mark of a poll is set when the next one begins, so never before what it showed was published.
        Raises:  what the shop raises; the first order that can't be read, once all others were yielded.
        """
        for name, at in self._to_mark:
            await self._memory.mark(f"{name}/{self._shop}", at.isoformat())
        self._to_mark = []
        if self._known is None:
            self._known = _known_refunds(self._memory.subjects, self._shop)
        unreadable: list[Unreadable] = []
        async for observation in self._hinted_orders(unreadable):
            yield observation
        now = self._reader.now()
        polled = self._at(POLLED)
        if now - polled >= timedelta(seconds=self._settings.poll_every_s):
            async for observation in self._changed(polled, now, unreadable):
                yield observation
        if now - self._at(SWEPT) >= timedelta(seconds=self._settings.sweep_every_s):
            async for observation in self._recent(now, unreadable):
                yield observation
        if unreadable:
            raise unreadable[0]

    def _at(self, name: str) -> datetime:
        position = self._memory.position_of(f"{name}/{self._shop}")
        return datetime.fromisoformat(position) if position else _UNSEEN

    # --- hints

    async def _hinted_orders(self, unreadable: list[Unreadable]) -> AsyncIterator[Observation]:
        hinted = tuple(dict.fromkeys(await self._hints()))
        now = self._now()
        for order_id in hinted:
            self._hinted[order_id] = now
            self._unhinted_since = None
            try:
                found = await self._reader.order(order_id, ShopSeenBy.HOOK)
            except Unreadable as error:
                unreadable.append(error)
                continue
            async for observation in self._one(order_id, found, ShopSeenBy.HOOK):
                yield observation

    # --- polls

    async def _changed(
        self, polled: datetime, now: datetime, unreadable: list[Unreadable]
    ) -> AsyncIterator[Observation]:
        """Yield what changed since the last poll and a little before it; at the first one, since the sweep's days."""
        async for product in self._reader.products(self._products_since):
            yield f"product/{self._shop}/{product.product_id}", (product,)
        self._products_since = now - timedelta(seconds=self._settings.overlap_s)
        since = max(polled, now - timedelta(days=self._settings.sweep_days))
        window: dict[str, ShopOrder] = {}
        async for found in self._each(
            self._reader.changed(since - timedelta(seconds=self._settings.overlap_s)), unreadable
        ):
            window[found.order_id] = found
            async for observation in self._one(found.order_id, found, ShopSeenBy.POLL):
                yield observation
            async for observation in self._hinted_orders(unreadable):
                yield observation
        self._listen(window)
        hooks = await self._reader.hooks()
        if hooks is not None:
            yield f"hooks/{self._shop}", (self._with_silence(hooks),)
        self._to_mark.append((POLLED, now))

    async def _each(self, orders: AsyncIterator[ShopOrder], unreadable: list[Unreadable]) -> AsyncIterator[ShopOrder]:
        """Yield orders of a list; what can't be read of it comes at its end and is kept for later."""
        try:
            async for found in orders:
                yield found
        except Unreadable as error:
            unreadable.append(error)

    def _listen(self, window: dict[str, ShopOrder]) -> None:
        """Note since when polls find changes that no hook named."""
        now, last = self._now(), self._last_window
        self._last_window = window
        recent = now - timedelta(seconds=self._settings.silence_s)
        self._hinted = {order: at for order, at in self._hinted.items() if at > recent}
        if last is None:
            return
        news = [order for order, found in window.items() if order not in last or _differs(last[order], found)]
        if self._unhinted_since is None and any(order not in self._hinted for order in news):
            self._unhinted_since = now

    def _with_silence(self, hooks: ShopHooksObserved) -> ShopHooksObserved:
        since = self._unhinted_since
        silent_s = 0.0 if since is None else (self._now() - since).total_seconds()
        if hooks.status is not ShopHooksStatus.ACTIVE or silent_s < self._settings.silence_s:
            return hooks
        detail = (
            "polls find changes that no hook named; look at the shop's scheduled actions, and whether it reaches us"
        )
        return replace(hooks, status=ShopHooksStatus.SILENT, detail=detail)

    # --- sweeps

    async def _recent(self, now: datetime, unreadable: list[Unreadable]) -> AsyncIterator[Observation]:
        """Yield the orders of the last days, and ask for each that was known and is not among them."""
        listed: set[str] = set()
        async for found in self._each(
            self._reader.created(now - timedelta(days=self._settings.sweep_days)), unreadable
        ):
            listed.add(found.order_id)
            async for observation in self._one(found.order_id, found, ShopSeenBy.SWEEP):
                yield observation
            async for observation in self._hinted_orders(unreadable):
                yield observation
        if not unreadable:
            for order_id in self._missing(listed):
                looked_up = await self._reader.order(order_id, ShopSeenBy.SWEEP)
                async for observation in self._one(order_id, looked_up, ShopSeenBy.SWEEP):
                    yield observation
        self._to_mark.append((SWEPT, now))

    def _missing(self, listed: set[str]) -> Sequence[str]:
        """Return orders known from before that a list of these days should name: their ids lie among its own."""
        numbers = [int(one) for one in listed if one.isdecimal()]
        if not numbers or self._known is None:
            return ()
        first = min(numbers)
        return [one for one in self._known if one not in listed and one.isdecimal() and int(one) >= first]

    # --- one order

    async def _one(self, order_id: str, found: ShopOrder | None, seen_by: ShopSeenBy) -> AsyncIterator[Observation]:
        """Yield an order with its refunds, or that it is gone; what was never known and is no order yet is nothing."""
        assert self._known is not None
        is_known = order_id in self._known
        if found is None:
            if is_known:
                yield f"order/{self._shop}/{order_id}", (self._gone(order_id, seen_by),)
            return
        order = found.record
        if order is None or (order.status is OrderStatus.TRASHED and not is_known):
            return
        order = replace(order, observed_by=seen_by)
        refunds = self._known.setdefault(order_id, set())
        yield f"order/{self._shop}/{order_id}", (order,)
        # Of a refund all is said once, so a sweep asks for it only where one came or went.
        if not (found.refund_ids or refunds) or (seen_by is ShopSeenBy.SWEEP and found.refund_ids == refunds):
            return
        shown = await self._reader.refunds(order_id, seen_by)
        for refund in shown:
            refunds.add(refund.shop_refund_id)
            yield f"refund/{self._shop}/{order_id}/{refund.shop_refund_id}", (refund,)
        for refund_id in sorted(refunds - {refund.shop_refund_id for refund in shown}):
            yield f"refund/{self._shop}/{order_id}/{refund_id}", (self._vanished(order_id, refund_id, seen_by),)

    def _gone(self, order_id: str, seen_by: ShopSeenBy) -> OrderGoneObserved:
        return OrderGoneObserved(
            shop_order=f"{self._shop}/{order_id}",
            shop=self._shop,
            order_id=order_id,
            observed_at=self._now(),
            observed_by=seen_by,
            raw="",
        )

    def _vanished(self, order_id: str, refund_id: str, seen_by: ShopSeenBy) -> ShopRefundGoneObserved:
        return ShopRefundGoneObserved(
            shop_order=f"{self._shop}/{order_id}",
            shop=self._shop,
            order_id=order_id,
            shop_refund_id=refund_id,
            observed_at=self._now(),
            observed_by=seen_by,
            raw="",
        )


def _known_refunds(subjects: Iterable[str], shop: str) -> dict[str, set[str]]:
    """Return the refunds of every order that was published of a shop."""
    known: dict[str, set[str]] = {}
    for subject in subjects:
        match subject.split("/"):
            case ["order", label, order] if label == shop:
                known.setdefault(order, set())
            case ["refund", label, order, refund] if label == shop:
                known.setdefault(order, set()).add(refund)
    return known


def _differs(one: ShopOrder, other: ShopOrder) -> bool:
    if one.record is None or other.record is None:
        return one.record is not other.record
    return one.refund_ids != other.refund_ids or replace(one.record, observed_at=_UNSEEN) != replace(
        other.record, observed_at=_UNSEEN
    )
