"""The shop morning of the demo: buyers order in the sandbox shop, and what is to become of each of their orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx2

SHOP = "main"


class Visit(StrEnum):
    """How one order goes."""

    PAID = "paid"
    SHIPPED = "paid, shipped in two parts and invoiced"
    DECLINED = "declined"
    AUTHORIZED = "authorized, not captured"
    CAPTURED_AT_TERMINAL = "authorized, captured in PayTrace alone"
    REFUNDED = "refunded in whole"
    REFUNDED_IN_PART = "refunded in part"
    STRANGER = "paid by a buyer whom abas does not know"


@dataclass(frozen=True, slots=True)
class End:
    """Where an order is when nothing more is to come: its money, its status in the shop, what it waits for."""

    payment: str
    shop_status: str
    has_sales_order: bool
    waits_for: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        paper = "with a sales order" if self.has_sales_order else "without a sales order"
        waits_for = f", waiting for {self.waits_for}" if self.waits_for else ""
        return f"{self.payment or 'not paid'}, {self.shop_status} in the shop, {paper}{waits_for}"


ENDS: Mapping[Visit, End] = {
    Visit.PAID: End("captured", "processing", True),
    Visit.SHIPPED: End("captured", "completed", True),
    Visit.DECLINED: End("", "failed", False),  # a declined one leaves no transaction on the order
    Visit.AUTHORIZED: End("authorized", "on-hold", False),
    Visit.CAPTURED_AT_TERMINAL: End("captured", "processing", True),
    Visit.REFUNDED: End("captured", "refunded", True),
    Visit.REFUNDED_IN_PART: End("captured", "processing", True),
    Visit.STRANGER: End("captured", "processing", False, "customer unknown"),
}
_PAID_BY = {Visit.DECLINED: "decline", Visit.AUTHORIZED: "authorize", Visit.CAPTURED_AT_TERMINAL: "authorize"}
GOODS = (("PUMP-10", "Pump", "120.00"), ("HOSE-2", "Hose", "18.50"))
BUYER = {
    "number": "80001",
    "name": "Ada Byer",
    "email": "ada@buyers.example",
    "street": "1 Main St",
    "zip_code": "94107",
    "town": "San Francisco",
    "country": "US",
}
STRANGER = {"first_name": "Nora", "last_name": "Quill", "address_1": "9 Side Rd", "email": "nora@elsewhere.example"}
REFUNDED_PART = "18.50"
_LOOKS, _LOOK_EVERY_S = 60, 0.5


@dataclass
class ShopMorning:
    """One sandbox shop with its buyers; orders are (number in the shop, how it goes)."""

    shop: httpx2.AsyncClient
    erp: httpx2.AsyncClient
    orders: list[tuple[int, Visit]] = field(default_factory=list)

    async def prepare(self) -> None:
        """Create the buyer and the goods in abas."""
        await _post(self.erp, "customers", [BUYER])
        goods = [{"kind": "product", "number": sku, "name": name} for sku, name, _ in GOODS]
        await _post(self.erp, "master-data", goods)

    async def sell(self) -> None:
        """Let every buyer order and pay."""
        made = [
            await _post(self.shop, "products", {"sku": sku, "name": name, "price": price}) for sku, name, price in GOODS
        ]
        products = [int(one["id"]) for one in made]
        self.orders += await asyncio.gather(*(self._order(visit, products) for visit in Visit))
        for number, visit in self.orders:
            if visit is Visit.CAPTURED_AT_TERMINAL:
                await _post(self.shop, f"orders/{number}/capture", {"at_terminal": True})

    async def refund(self) -> None:
        """Refund in the shop what is refunded, by its payment plugin; what was paid must have settled."""
        for number, visit in self.orders:
            if visit in (Visit.REFUNDED, Visit.REFUNDED_IN_PART):
                order = await _get(self.shop, number)
                amount = order["total"] if visit is Visit.REFUNDED else REFUNDED_PART
                await _post(self.shop, f"orders/{number}/refund", {"amount": amount})

    async def ship(self) -> None:
        """Ship in abas what is shipped, one thing first and then the rest, and invoice it."""
        for key in (f"{SHOP}/{number}" for number, visit in self.orders if visit is Visit.SHIPPED):
            order = await self._sales_order(key)
            if order is None:
                return  # it is missed at the end, by name
            first = {"order": key, "quantities": {order["rows"][0]["row_key"]: "1"}}
            await _post(self.erp, "deliveries", [first])
            await _post(self.erp, "deliveries", [{"order": key}])
            invoice = {"invoice_number": f"RE-{order['number']}", "order_number": order["number"]}
            about = {"customer_number": order["customer"], "amount": order["gross"], "currency": order["currency"]}
            await _post(self.erp, "open-items", [{**invoice, **about}])

    async def _sales_order(self, key: str) -> Mapping[str, Any] | None:
        """Return the sales order of an order as soon as abas has it; None where it does not come."""
        for _ in range(_LOOKS):
            held = (await self.erp.get("/_sandbox/books")).raise_for_status().json()["sales_orders"]
            if found := [one for one in held if one["shop_reference"] == key]:
                order: Mapping[str, Any] = found[0]
                return order
            await asyncio.sleep(_LOOK_EVERY_S)
        return None

    async def statuses(self) -> Mapping[str, str]:
        """Return the status of each order by its key, as the shop's own books have it."""
        answer = await self.shop.get("/_sandbox/books")
        return {f"{SHOP}/{one['id']}": str(one["status"]) for one in answer.raise_for_status().json()["orders"]}

    async def _order(self, visit: Visit, products: Sequence[int]) -> tuple[int, Visit]:
        lines = [{"product_id": product, "quantity": at + 1} for at, product in enumerate(products)]
        buyer: dict[str, Any] = {"email": BUYER["email"]}
        if visit is Visit.STRANGER:
            buyer = {"billing": STRANGER}
        made = await _post(self.shop, "orders", {"lines": lines, "pay": _PAID_BY.get(visit, "approve"), **buyer})
        return int(made["id"]), visit


def wrong_orders(
    orders: Sequence[tuple[int, Visit]], found: Sequence[Mapping[str, Any]], statuses: Mapping[str, str]
) -> list[str]:
    """Return what is not as it should be at the end, in words.

    Shapes: found are rows of report `orders`; statuses are the shop's own, by the key of the order.
    """
    known = {str(row["shop_order"]): row for row in found}
    wrong = []
    for number, visit in orders:
        key, end = f"{SHOP}/{number}", ENDS[visit]
        row = known.get(key, {})
        payment, waits_for = (str(row.get(name, "")) for name in ("payment", "waits_for"))
        is_now = End(payment, statuses.get(key, ""), bool(row.get("sales_order")), waits_for)
        if is_now != end:
            wrong.append(f"order {key} ({visit}) is {is_now}; it should be {end}")
    return wrong


@asynccontextmanager
async def open_shop(*, shop_url: str, abas_url: str) -> AsyncIterator[ShopMorning]:
    """Hold the shop and the ERP behind these addresses."""
    async with (
        httpx2.AsyncClient(base_url=shop_url, timeout=60, trust_env=False) as shop,
        httpx2.AsyncClient(base_url=abas_url, timeout=60, trust_env=False) as erp,
    ):
        yield ShopMorning(shop, erp)


async def _post(client: httpx2.AsyncClient, path: str, body: Any) -> Any:
    answer = await client.post(f"/_sandbox/{path}", json=body)
    return answer.raise_for_status().json()


async def _get(shop: httpx2.AsyncClient, number: int) -> Mapping[str, Any]:
    found = (await shop.get("/_sandbox/books")).raise_for_status().json()["orders"]
    return next(one for one in found if int(one["id"]) == number)
