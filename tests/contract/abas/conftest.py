from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.profile import Profile, load_profile
from connectors.abas.settings import SANDBOX_PROFILE
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox

NO_FAULTS = {
    "latency_s": 0,
    "slow_posting_s": 0,
    "unavailable": 0,
    "internal_error": 0,
    "cut_before": 0,
    "cut_after": 0,
    "login_expired": 0,
    "access_denied": False,
    "rate_limited": 0,
    "wrong_content_type": 0,
    "locked": [],
    "closed_periods": [],
}


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas"), session_idle_s=2.0) as sandbox:
        sandbox.seed()
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: AbasSandboxProcess) -> AbasSandboxProcess:
    shared_sandbox.faults(**NO_FAULTS)
    return shared_sandbox


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[AbasSandboxProcess]:
    """A sandbox for one test alone: to be killed, or with empty books."""
    with running_sandbox(tmp_path) as sandbox:
        yield sandbox


@pytest.fixture
def profile() -> Profile:
    return load_profile(SANDBOX_PROFILE)


@pytest.fixture
async def client(sandbox: AbasSandboxProcess) -> AsyncIterator[AbasClient]:
    async with AbasClient(sandbox.settings()) as client:
        yield client
