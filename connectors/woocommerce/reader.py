"""WooCommerceReader: one shop as connectors/shop/ports.py wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from typing import Any, Final

from connectors.shop.ports import ShopOrder
from connectors.shop.settings import ShopSettings
from connectors.woocommerce.client import WooCommerceClient, is_gone
from connectors.woocommerce.errors import ShopNotThere, ShopRefused, UnreadableOrder
from connectors.woocommerce.mapping import (
    is_draft,
    order_id_of,
    refund_ids,
    to_categories_observed,
    to_hooks_observed,
    to_order_observed,
    to_refund_observed,
)
from connectors.woocommerce.wire import JsonObject, items, text
from schemas.records.orders import (
    ProductCategoriesObserved,
    ShopHooksObserved,
    ShopRefundObserved,
    ShopSeenBy,
)
from schemas.values.clock import utc_now

# No order changes then, so a shop that answers with some does not know the filter.
_FAR_AWAY: Final = "2099-01-01T00:00:00"
_PRODUCTS_AT_ONCE: Final = 100


class WooCommerceReader:
    """Reads orders with the categories of their products, refunds, products and hooks."""

    def __init__(
        self, client: WooCommerceClient, settings: ShopSettings, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._client = client
        self._settings = settings
        self._now = now
        self._categories: dict[str, tuple[str, ...]] = {}
        self._knows_filter = False

    def now(self) -> datetime:
        """Return the time by the shop's clock."""
        return self._client.now()

    async def changed(self, since: datetime) -> AsyncIterator[ShopOrder]:
        """Yield the orders that changed after an instant; of a shop too old to say so, those of the sweep's days.

        Raises: what the client raises; UnreadableOrder at the end, for the first thing that was none.
        """
        if not self._knows_filter:
            answer = await self._client.get("/orders", modified_after=_FAR_AWAY, dates_are_gmt="true", per_page=1)
            self._knows_filter = answer.body == []
        bound = "modified_after" if self._knows_filter else "after"
        async for order in self._orders(**{bound: _gmt(since)}):
            yield order

    async def created(self, since: datetime) -> AsyncIterator[ShopOrder]:
        """Yield the orders that were made after an instant. Raises: as changed."""
        async for order in self._orders(after=_gmt(since)):
            yield order

    async def _orders(self, **bounds: str) -> AsyncIterator[ShopOrder]:
        unreadable: UnreadableOrder | None = None
        async for found in self._client.pages("/orders", status="any", dates_are_gmt="true", **bounds):
            try:
                yield await self._read(found, ShopSeenBy.POLL)
            except UnreadableOrder as error:
                unreadable = unreadable or error
        if unreadable is not None:
            raise unreadable

    async def order(self, order_id: str, seen_by: ShopSeenBy) -> ShopOrder | None:
        """Return one order; None when it is gone. Raises: what the client raises; UnreadableOrder."""
        try:
            answer = await self._client.get(f"/orders/{order_id}")
        except ShopRefused as refused:
            if is_gone(refused):
                return None
            raise
        if not isinstance(answer.body, dict) or text(answer.body.get("id")) != order_id:
            raise UnreadableOrder(f"orders/{order_id}: the answer is about something else")
        return await self._read(answer.body, seen_by)

    async def _read(self, found: JsonObject, seen_by: ShopSeenBy) -> ShopOrder:
        order_id = order_id_of(found)
        if is_draft(found):
            return ShopOrder(order_id, None)
        await self._learn(text(one.get("product_id")) for one in items(found.get("line_items")))
        record = to_order_observed(
            found, self._settings, self._categories, observed_at=self._now(), observed_by=seen_by
        )
        return ShopOrder(order_id, record, refund_ids(found))

    async def refunds(self, order_id: str, seen_by: ShopSeenBy) -> tuple[ShopRefundObserved, ...]:
        """Return the refunds of an order; none of an order that is gone. Raises: what the client raises."""
        try:
            order = (await self._client.get(f"/orders/{order_id}", _fields="id,currency")).body
            found = [one async for one in self._client.pages(f"/orders/{order_id}/refunds")]
        except ShopRefused as refused:
            if is_gone(refused):
                return ()
            raise
        currency = text(order.get("currency")).upper() if isinstance(order, dict) else ""
        return tuple(
            to_refund_observed(one, order_id, currency, self._settings, observed_at=self._now(), observed_by=seen_by)
            for one in found
        )

    async def products(self, since: datetime | None) -> AsyncIterator[ProductCategoriesObserved]:
        """Yield products that changed after an instant, or all. Raises: as changed."""
        parents = {
            text(one.get("id")): text(one.get("parent"))
            async for one in self._client.pages("/products/categories")
            if text(one.get("parent")) not in {"", "0"}
        }
        bounds: dict[str, Any] = {}
        if since is not None:
            bounds = {"modified_after": _gmt(since), "dates_are_gmt": "true"}
        async for found in self._client.pages("/products", **bounds):
            observed = to_categories_observed(found, self._settings, parents, observed_at=self._now())
            self._categories[observed.product_id] = _ids(found)
            yield observed

    async def _learn(self, product_ids: Iterable[str]) -> None:
        """Ask for the categories of products that were not met yet; one that is gone has none."""
        unknown = sorted(set(product_ids) - set(self._categories) - {"", "0"})
        for start in range(0, len(unknown), _PRODUCTS_AT_ONCE):
            asked = unknown[start : start + _PRODUCTS_AT_ONCE]
            self._categories.update(dict.fromkeys(asked, ()))
            async for found in self._client.pages("/products", include=",".join(asked)):
                self._categories[text(found.get("id"))] = _ids(found)

    async def hooks(self) -> ShopHooksObserved | None:
        """Return whether hooks of orders are on; None where none are used, or our key may not look."""
        if not self._settings.hook_secret.get_secret_value():
            return None
        try:
            found = [one async for one in self._client.pages("/webhooks")]
        except (ShopRefused, ShopNotThere):
            return None
        return to_hooks_observed(found, self._settings, self._now())


def _ids(product: JsonObject) -> tuple[str, ...]:
    found = [text(one.get("id")) for one in items(product.get("categories"))]
    return tuple(sorted(found, key=lambda one: int(one) if one.isdecimal() else 0))


def _gmt(instant: datetime) -> str:
    """Return an instant as date filters take it: UTC, no zone, which dates_are_gmt says."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}"
