"""The sandbox's own door below /_sandbox: buyers and staff, the clock, faults, settings, the books and both logs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.sandboxes.common.books import from_us
from infra.sandboxes.shop import render
from infra.sandboxes.shop.faults import ADMIN_PREFIX, Faults
from infra.sandboxes.shop.php import encode
from infra.sandboxes.shop.shop import Shop, ShopRefuses


def routes(shop: Shop, faults: Faults) -> list[Route]:
    """Return the admin paths."""
    face = AdminFace(shop, faults)

    def way(path: str, take: Callable[[Request], Awaitable[Any]], *methods: str) -> Route:
        async def answer(request: Request) -> Response:
            try:
                return Response(encode(await take(request)), media_type="application/json")
            except (ShopRefuses, ValueError, KeyError, TypeError) as error:
                return Response(encode({"error": str(error)}), 400, media_type="application/json")

        return Route(f"{ADMIN_PREFIX}/{path}", answer, methods=list(methods))

    return [
        way("health", face.health, "GET"),
        way("books", face.books, "GET"),
        way("requests", face.requests, "GET"),
        way("deliveries", face.deliveries, "GET"),
        way("clock", face.clock, "GET", "POST"),
        way("faults", face.faults, "GET", "POST"),
        way("settings", face.settings, "POST"),
        way("counter", face.counter, "POST"),
        way("reset", face.reset, "POST"),
        way("categories", face.categories, "POST"),
        way("products", face.products, "POST"),
        way("products/{number:int}", face.product, "POST"),
        way("orders", face.order, "POST"),
        way("orders/{number:int}/{action}", face.act, "POST"),
    ]


class AdminFace:
    """The admin requests."""

    def __init__(self, shop: Shop, faults: Faults) -> None:
        self._shop = shop
        self._store = shop.store
        self._faults = faults

    async def health(self, request: Request) -> Any:
        """Return whether the sandbox serves."""
        return {"ok": True}

    async def books(self, request: Request) -> Any:
        """Return every order with its refunds and notes, and what the gateway was asked to pay back by the shop."""
        self._shop.let_time_pass()
        store = self._store
        return {
            "orders": [
                {
                    **render.order(store, one),
                    "refunds": [render.refund(store, refund) for refund in store.all("refund", parent=one.id)],
                    "notes": [render.note(store, note) for note in store.all("note", parent=one.id)],
                    "own_transaction": one.doc.get("own_transaction"),
                }
                for one in store.all("order")
            ],
            "hooks": [
                {**render.hook(store, row), "failures": row["failures"]}
                for row in store.rows("SELECT * FROM hook ORDER BY id")
            ],
            "waiting_hooks": len(store.rows("SELECT id FROM job")),
            "money_sent_by_refunds": store.read_meta("money_sent", "0"),
            "orders_recalculated": int(store.read_meta("recalculated", "0")),
        }

    async def requests(self, request: Request) -> Any:
        """Return the log of REST calls."""
        return self._store.lines("request")

    async def deliveries(self, request: Request) -> Any:
        """Return the log of hooks that were sent."""
        return self._store.lines("delivery")

    async def clock(self, request: Request) -> Any:
        """Read or move the clock: {"advance_s": n} or {"now": "2026-11-24T20:00:00-08:00"}."""
        if request.method == "POST":
            fields = await _fields(request)
            now, advance_s = fields.get("now"), fields.get("advance_s")
            self._store.move_clock(
                advance_s=None if advance_s is None else float(advance_s),
                to=None if now is None else datetime.fromisoformat(str(now)),
            )
            self._shop.let_time_pass()
        return {"now": from_us(self._store.now_us()).isoformat()}

    async def faults(self, request: Request) -> Any:
        """Show or switch faults, see faults.py."""
        if request.method == "POST":
            self._faults.set(await _fields(request))
        return {"on": self._faults.show(), "struck": dict(self._faults.struck)}

    async def settings(self, request: Request) -> Any:
        """Change settings of the shop, see settings.py."""
        self._store.change_settings(dict(await _fields(request)))
        return self._store.settings.model_dump(mode="json")

    async def counter(self, request: Request) -> Any:
        """Let the next id be another one, also a smaller one: {"next_id": n}."""
        self._store.set_next_id(int((await _fields(request))["next_id"]))
        return {"ok": True}

    async def reset(self, request: Request) -> Any:
        """Empty the shop and switch every fault off; clock, settings and ids go on."""
        self._store.clear()
        self._faults.set({"clear": True})
        return {"ok": True}

    async def categories(self, request: Request) -> Any:
        """Add a category."""
        return render.category(self._shop.make_category(await _fields(request)))

    async def products(self, request: Request) -> Any:
        """Add a product with its variations."""
        return render.product(self._store, self._shop.make_product(await _fields(request)))

    async def product(self, request: Request) -> Any:
        """Change or delete a product."""
        self._shop.change_product(request.path_params["number"], await _fields(request))
        return {"ok": True}

    async def order(self, request: Request) -> Any:
        """Let a buyer order: the fields of Shop.make_order, and `pay` with approve, decline or authorize."""
        fields = dict(await _fields(request))
        outcome = fields.pop("pay", None)
        made = self._shop.make_order(fields, status=str(fields.get("status", "pending")))
        if outcome is not None:
            await self._shop.pay(made, str(outcome))
        return render.order(self._store, self._shop.found("order", made.id))

    async def act(self, request: Request) -> Any:
        """Do something to an order: what buyers, staff, the plugin and the terminal can do."""
        shop, number = self._shop, request.path_params["number"]
        fields = await _fields(request)
        order = shop.found("order", number)
        made = None
        match request.path_params["action"]:
            case "pay":
                await shop.pay(order, str(fields.get("outcome", "approve")))
            case "capture":
                at_terminal = bool(fields.get("at_terminal"))
                await shop.capture(order, fields.get("amount"), only_at_gateway=at_terminal)
            case "void":
                await shop.void(order)
            case "refund":
                made = await shop.refund(
                    order,
                    fields.get("amount"),
                    by_gateway=fields.get("by", "gateway") == "gateway",
                    fails=bool(fields.get("fails")),
                    stays=bool(fields.get("stays")),
                    reason=str(fields.get("reason", "")),
                    lines=list(fields.get("lines", ())),
                )
            case "refund-fails":
                shop.refund_fails(shop.found("refund", int(fields["refund_id"])))
            case "status":
                shop.move(order, str(fields["status"]), str(fields.get("note", "")))
            case "edit":
                shop.edit(order, fields)
            case "trash":
                shop.trash(order)
            case "restore":
                shop.restore(order)
            case "delete":
                shop.remove(order)
                return {"ok": True}
            case "open":
                shop.opened_by_staff(order)
            case action:
                raise ValueError(f"no such action: {action}")
        left = render.order(self._store, shop.found("order", number))
        return left if made is None else {**left, "made": render.refund(self._store, made)}


async def _fields(request: Request) -> Mapping[str, Any]:
    found = await request.json() if await request.body() else {}
    return found if isinstance(found, dict) else {}
