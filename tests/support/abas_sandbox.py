"""A running abas sandbox for tests: a real process on a free port, with books that survive kill -9."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from connectors.abas.settings import AbasSettings
from connectors.common.reach import authorities
from infra.embedded.process import free_port
from infra.sandboxes.abas.state import DEFAULT_PASSWORD
from tests.support.tls import Issued


class AbasSandboxProcess:
    """Starts, kills and talks to one sandbox process."""

    def __init__(self, directory: Path, *, session_idle_s: float = 60.0, tls: Issued | None = None) -> None:
        self._directory = directory
        self._session_idle_s = session_idle_s
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None
        # A connection per call: one that is kept would break when the process is killed.
        self._desk = httpx2.Client(timeout=30, verify=authorities(), limits=httpx2.Limits(max_keepalive_connections=0))
        # Outside the range of outgoing connections: one of those could take it while the process is dead.
        self.port = free_port()

    @property
    def origin(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/mw"

    def settings(self, **changes: Any) -> AbasSettings:
        values = {
            "base_url": self.base_url,
            "password": SecretStr(DEFAULT_PASSWORD),
            "retry_initial_s": 0.02,
            "outcome_wait_s": 0.3,
        }
        return AbasSettings(**{**values, **changes})

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        port_file = self._directory / "port"
        port_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "infra.sandboxes.abas",
                "--port",
                str(self.port),
                "--state-dir",
                str(self._directory / "books"),
                "--port-file",
                str(port_file),
                "--session-idle-s",
                str(self._session_idle_s),
                *(() if self._tls is None else ("--tls-cert", str(self._tls.cert), "--tls-key", str(self._tls.key))),
            ]
        )
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().strip()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the abas sandbox did not start")
            time.sleep(0.02)
        self.port = int(port_file.read_text())

    def kill(self) -> None:
        """End the process as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End the process for good."""
        self.kill()
        self._desk.close()

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        response = self._desk.request(method, f"{self.origin}/_sandbox/{path}", json=body)
        response.raise_for_status()
        return response.json()

    def seed(self, *items: dict[str, Any], customers: list[dict[str, str]] | None = None) -> list[str]:
        """Create customers (70001 when none are given) and open items; return the items' record ids."""
        seeds = customers or [{"number": "70001", "name": "Acme Inc.", "vault_customer_id": "acme-inc"}]
        self.admin("POST", "customers", seeds)
        ids: list[str] = self.admin("POST", "open-items", list(items))["ids"]
        return ids

    def faults(self, **switches: Any) -> None:
        self.admin("POST", "faults", switches)

    def documents(self) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = self.admin("GET", "books")["documents"]
        return documents

    def open_items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.admin("GET", "books")["open_items"]
        return items


@contextlib.contextmanager
def running_sandbox(
    directory: Path, *, session_idle_s: float = 60.0, tls: Issued | None = None
) -> Iterator[AbasSandboxProcess]:
    """Run a sandbox for as long as the block lasts; with tls over HTTPS, without its admin side."""
    sandbox = AbasSandboxProcess(directory, session_idle_s=session_idle_s, tls=tls)
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.close()


def open_item(
    invoice: str = "RE-100451", amount: str = "125.00", currency: str = "USD", customer: str = "70001"
) -> dict[str, Any]:
    return {
        "invoice_number": invoice,
        "customer_number": customer,
        "amount": amount,
        "currency": currency,
        "due_on": "2026-12-20",
    }
