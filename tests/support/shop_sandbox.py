"""Starts the sandbox shop over real HTTP for tests: in a thread, or in a process that may be killed."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from connectors.shop.settings import ShopSettings
from infra.embedded.process import free_port
from infra.sandboxes.shop import ShopSandboxSettings, create_app
from schemas.records.orders import ShopWritten, WriteToShop

KEYS = ShopSandboxSettings(data_dir=Path())


@dataclass(frozen=True)
class Shop:
    """A running shop: its REST side as a client with the right key sees it, and its admin side."""

    url: str

    def admin(self, path: str, body: Any = None) -> Any:
        """GET an admin path, or POST when a body is given."""
        status, _, found = self.call("GET" if body is None else "POST", f"/_sandbox/{path}", body)
        if status >= 400:
            raise OSError(f"{status}: {found}")
        return found

    def rest(self, method: str, path: str, body: Any = None) -> tuple[int, Mapping[str, str], Any]:
        """Call the REST API with the shop's own key; status, headers by small name, parsed body."""
        return self.call(method, f"/wp-json/wc/v3/{path}", body, by=(KEYS.consumer_key, KEYS.consumer_secret))

    def call(
        self, method: str, path: str, body: Any = None, *, by: tuple[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], Any]:
        """Call a path; `by` is key and secret."""
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        if by is not None:
            request.add_header("authorization", f"Basic {base64.b64encode(':'.join(by).encode()).decode()}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, headers, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, headers, text = error.code, error.headers, error.read()
        found = {name.lower(): value for name, value in headers.items()}
        return status, found, json.loads(text) if found.get("content-type", "").startswith("application/json") else text

    def order(self, **fields: Any) -> dict[str, Any]:
        """Let a buyer order."""
        made: dict[str, Any] = self.admin("orders", fields)
        return made

    def act(self, order: int, action: str, **fields: Any) -> dict[str, Any]:
        """Let somebody do something to an order."""
        left: dict[str, Any] = self.admin(f"orders/{order}/{action}", fields)
        return left

    def fault(self, **switches: Any) -> None:
        """Switch faults."""
        self.admin("faults", switches)


class _EndsAtOnce(uvicorn.Server):
    """A server that looks ten times as often whether it is to end."""

    async def main_loop(self) -> None:
        while not self.should_exit:  # noqa: ASYNC110  # another thread sets it
            await asyncio.sleep(0.01)


@contextmanager
def shop_in_thread(data_dir: Path, **settings: Any) -> Iterator[Shop]:
    """Serve from a thread on a free port until the block ends."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    app = create_app(ShopSandboxSettings(data_dir=data_dir, **settings))
    server = _EndsAtOnce(uvicorn.Config(app, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    shop = Shop(f"http://127.0.0.1:{listener.getsockname()[1]}")
    try:
        _await_health(shop)
        yield shop
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def shop_in_process(
    data_dir: Path, port: int | None = None, **settings: Any
) -> Iterator[tuple[Shop, subprocess.Popen[bytes]]]:
    """Serve from a process of its own, which the test may kill; the port can be taken again afterwards."""
    port = free_port() if port is None else port
    words = [sys.executable, "-m", "infra.sandboxes.shop", str(port), str(data_dir), json.dumps(settings)]
    process = subprocess.Popen(words)
    shop = Shop(f"http://127.0.0.1:{port}")
    try:
        _await_health(shop)
        yield shop, process
    finally:
        process.kill()
        process.wait(10)


def _await_health(shop: Shop) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            shop.admin("health")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def settings_of(shop: Shop, **changes: Any) -> ShopSettings:
    """Settings of a connector that reach this shop, quick and without waits."""
    return ShopSettings(
        **{
            "base_url": shop.url,
            "consumer_key": KEYS.consumer_key,
            "consumer_secret": SecretStr(KEYS.consumer_secret),
            "hook_secret": SecretStr("0123456789abcdefABCDEF01"),
            "max_requests_per_s": 10_000.0,
            "read_timeout_s": 5.0,
            "retry_wait_initial_s": 0.01,
            "retry_wait_max_s": 0.05,
            **changes,
        }
    )


class ShopOfTests:
    """A shop that holds whatever is written into it, in memory."""

    async def write(self, command: WriteToShop) -> ShopWritten:
        """Hold it under the number 1."""
        return ShopWritten(
            command_id=command.command_id,
            shop_order=command.shop_order,
            shop=command.shop,
            order_id=command.order_id,
            kind=command.kind,
            shop_record_id="1",
            occurred_at=command.occurred_at,
        )
