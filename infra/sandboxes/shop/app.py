"""The sandbox shop as an ASGI app and as a server: WooCommerce's paths, the admin paths beside them, faults before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from infra.sandboxes.shop import admin
from infra.sandboxes.shop.api import BASE, Api
from infra.sandboxes.shop.faults import FaultLayer, Faults
from infra.sandboxes.shop.hooks import Hooks
from infra.sandboxes.shop.settings import ShopSandboxSettings
from infra.sandboxes.shop.shop import Shop
from infra.sandboxes.shop.store import Store

_HOOKED = ("order.created", "order.updated", "order.deleted", "order.restored")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(settings: ShopSandboxSettings) -> ASGIApp:
    """Build one shop; its state lives in settings.data_dir and survives the process."""
    faults = Faults()
    shop = Shop(Store(settings))
    hooks, api = Hooks(shop, faults), Api(shop, faults)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        _have_hooks(api, shop, settings)
        delivering = asyncio.create_task(hooks.run())
        yield
        delivering.cancel()
        with suppress(asyncio.CancelledError):
            await delivering
        shop.store.close()

    routes = [
        *admin.routes(shop, faults),
        Route(f"{BASE}/{{path:path}}", api.answer, methods=_METHODS),
        Route("/", api.answer, methods=_METHODS),
    ]
    return FaultLayer(Starlette(routes=routes, lifespan=lifespan), faults, BASE)


def _have_hooks(api: Api, shop: Shop, settings: ShopSandboxSettings) -> None:
    """Make the hooks of orders that the settings ask for, unless an earlier start did."""
    made = {row["topic"] for row in shop.store.rows("SELECT topic FROM hook WHERE url = ?", settings.hook_url)}
    for topic in _HOOKED if settings.hook_url else ():
        if topic not in made:
            api.make_hook({"topic": topic, "delivery_url": settings.hook_url, "secret": settings.hook_secret})


def serve(port: int, settings: ShopSandboxSettings) -> None:
    """Serve the shop on loopback until the process is asked to stop."""
    uvicorn.run(create_app(settings), host="127.0.0.1", port=port, log_level="warning", access_log=False)
