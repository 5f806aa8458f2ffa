"""What a shop must be able to answer, whoever made it. connectors/woocommerce is the first that does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.records.orders import (
    OrderObserved,
    ProductCategoriesObserved,
    ShopHooksObserved,
    ShopRefundObserved,
    ShopSeenBy,
)


@dataclass(frozen=True, slots=True)
class ShopOrder:
    """An order as a list or a look-up shows it. record is None for a draft that no buyer has ordered yet."""

    order_id: str
    record: OrderObserved | None
    refund_ids: frozenset[str] = frozenset()


class ShopReader(Protocol):
    """One shop. Each method raises leaves of schemas.failures."""

    def now(self) -> datetime:
        """Return the time by the shop's own clock, as far as its answers told."""
        ...

    def changed(self, since: datetime) -> AsyncIterator[ShopOrder]:
        """Yield the orders that changed after an instant, each once at least, whatever moves meanwhile."""
        ...

    def created(self, since: datetime) -> AsyncIterator[ShopOrder]:
        """Yield the orders that were made after an instant, likewise; those in the trash are not among them."""
        ...

    async def order(self, order_id: str, seen_by: ShopSeenBy) -> ShopOrder | None:
        """Return one order as it is now; None when the shop knows it no longer."""
        ...

    async def refunds(self, order_id: str, seen_by: ShopSeenBy) -> tuple[ShopRefundObserved, ...]:
        """Return the refunds of an order as they are now."""
        ...

    def products(self, since: datetime | None) -> AsyncIterator[ProductCategoriesObserved]:
        """Yield products that changed after an instant, or all of them; orders that are read later know them."""
        ...

    async def hooks(self) -> ShopHooksObserved | None:
        """Return whether hooks of orders are on; None where none are used."""
        ...
