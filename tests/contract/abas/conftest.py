from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.profile import Profile, load_profile
from connectors.abas.settings import SANDBOX_PROFILE
from infra.sandboxes.abas.faults import Faults
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox

NO_FAULTS = Faults().model_dump()


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def fresh_sandbox(shared_sandbox: AbasSandboxProcess) -> AbasSandboxProcess:
    """Books for one module: what the modules before wrote is gone."""
    shared_sandbox.admin("POST", "reset")
    shared_sandbox.seed()
    return shared_sandbox


@pytest.fixture
def sandbox(fresh_sandbox: AbasSandboxProcess) -> AbasSandboxProcess:
    fresh_sandbox.faults(**NO_FAULTS)
    return fresh_sandbox


@pytest.fixture
def empty_sandbox(fresh_sandbox: AbasSandboxProcess) -> Iterator[AbasSandboxProcess]:
    """Empty books for one test."""
    fresh_sandbox.admin("POST", "reset")
    yield fresh_sandbox
    fresh_sandbox.admin("POST", "reset")
    fresh_sandbox.seed()


@pytest.fixture(scope="session")
def killable_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas-killable")) as sandbox:
        yield sandbox


@pytest.fixture
def own_sandbox(killable_sandbox: AbasSandboxProcess) -> AbasSandboxProcess:
    """A process that a test may kill, with empty books."""
    if not killable_sandbox.is_running:
        killable_sandbox.start()
    killable_sandbox.admin("POST", "clock", {})
    killable_sandbox.admin("POST", "reset")
    return killable_sandbox


@pytest.fixture(scope="session")
def profile() -> Profile:
    return load_profile(SANDBOX_PROFILE)


@pytest.fixture
async def client(sandbox: AbasSandboxProcess) -> AsyncIterator[AbasClient]:
    async with AbasClient(sandbox.settings()) as client:
        yield client
