"""Starts the PayTrace sandbox over real HTTP for tests: in a thread, or in a process that may be killed."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from connectors.paytrace.settings import PayTraceSettings
from infra.embedded.process import free_port
from infra.sandboxes.paytrace import SandboxSettings, create_app
from tests.support.tls import Issued

VISA = "4012000098765439"
AMEX = "371449635392376"
MASTERCARD = "5499740000000057"


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: where it is, and its admin side."""

    base_url: str
    data_dir: Path
    # What the admin side is asked with where the sandbox speaks HTTPS.
    trust: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        return int(self.base_url.rpartition(":")[2])

    def admin(self, path: str, body: Any = None) -> Any:
        """GET an admin path, or POST when a body is given."""
        data = None if body is None else json.dumps(body).encode()
        # urllib rather than an HTTP client: no certificate store is loaded for each of a thousand small calls.
        try:
            with urllib.request.urlopen(
                f"{self.base_url}/_sandbox/{path}", data, timeout=30, context=self.trust
            ) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                reason = error.read().decode()
            raise OSError(f"{error.code}: {reason}") from None

    def books(self) -> dict[str, dict[str, Any]]:
        """Every charge by id."""
        return {entry["id"]: entry for entry in self.admin("books")}

    def client_settings(self, **changes: Any) -> PayTraceSettings:
        """Client settings that reach this sandbox, quick and without waits."""
        return PayTraceSettings(
            **{
                "base_url": self.base_url,
                "username": "demo123",
                "password": SecretStr("demo123"),
                "integrator_id": "9999Saldo123",
                "merchant_id": 1,
                "max_requests_per_s": 10_000.0,
                "max_concurrent_requests": 20,
                "retry_wait_initial_s": 0.01,
                "retry_wait_max_s": 0.05,
                "read_timeout_s": 5.0,
                **changes,
            }
        )


class _EndsAtOnce(uvicorn.Server):
    """A server that looks ten times as often whether it is to end: hundreds of tests wait for that."""

    async def main_loop(self) -> None:
        while not self.should_exit:  # noqa: ASYNC110  # another thread sets it
            await asyncio.sleep(0.01)


@contextmanager
def sandbox_in_thread(data_dir: Path, *, tls: Issued | None = None, **settings: Any) -> Iterator[Sandbox]:
    """Serve from a thread on a free port until the block ends; with tls over HTTPS."""
    app = create_app(SandboxSettings(data_dir=data_dir, **settings))
    # Named as TCP, so that asyncio sets TCP_NODELAY: else each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    files: dict[str, Any] = {} if tls is None else {"ssl_certfile": str(tls.cert), "ssl_keyfile": str(tls.key)}
    server = _EndsAtOnce(uvicorn.Config(app, log_level="critical", access_log=False, **files))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    trust = None if tls is None else ssl._create_unverified_context()
    scheme = "http" if tls is None else "https"
    sandbox = Sandbox(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", data_dir, trust)
    try:
        _await_health(sandbox)
        yield sandbox
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def sandbox_in_process(data_dir: Path, port: int | None = None) -> Iterator[tuple[Sandbox, subprocess.Popen[bytes]]]:
    """Serve from a process of its own, which the test may kill; the port can be taken again afterwards."""
    port = free_port() if port is None else port
    command = [sys.executable, "-m", "infra.sandboxes.paytrace", "127.0.0.1", str(port), str(data_dir)]
    process = subprocess.Popen(command)
    sandbox = Sandbox(f"http://127.0.0.1:{port}", data_dir)
    try:
        _await_health(sandbox)
        yield sandbox, process
    finally:
        process.kill()
        process.wait(10)


def _await_health(sandbox: Sandbox) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            sandbox.admin("health")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
