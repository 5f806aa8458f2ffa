"""A running sandbox and a client for it, for the contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connectors.paytrace.client import PayTraceClient
from tests.support.paytrace_sandbox import Sandbox, sandbox_in_thread


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox_in_thread(tmp_path / "paytrace") as running:
        # Noon, so that neither midnight nor the cut-off of the real day falls into a test.
        running.admin("clock", {"now": "2026-11-24T12:00:00-08:00"})
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[PayTraceClient]:
    async with PayTraceClient(sandbox.client_settings()) as running:
        yield running
