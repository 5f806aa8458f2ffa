from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.profile import Profile, load_profile
from connectors.abas.sandbox.faults import Faults
from connectors.abas.settings import SANDBOX_PROFILE
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox

NO_FAULTS = Faults().model_dump()


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas")) as sandbox:
        sandbox.seed()
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: AbasSandboxProcess) -> AbasSandboxProcess:
    shared_sandbox.faults(**NO_FAULTS)
    return shared_sandbox


@pytest.fixture
def empty_sandbox(shared_sandbox: AbasSandboxProcess) -> Iterator[AbasSandboxProcess]:
    """Empty books for one test."""
    shared_sandbox.admin("POST", "reset")
    yield shared_sandbox
    shared_sandbox.admin("POST", "reset")
    shared_sandbox.seed()


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[AbasSandboxProcess]:
    """A process for one test alone, to be killed."""
    with running_sandbox(tmp_path) as sandbox:
        yield sandbox


@pytest.fixture
def profile() -> Profile:
    return load_profile(SANDBOX_PROFILE)


@pytest.fixture
async def client(sandbox: AbasSandboxProcess) -> AsyncIterator[AbasClient]:
    async with AbasClient(sandbox.settings()) as client:
        yield client
